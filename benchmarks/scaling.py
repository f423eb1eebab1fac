"""How the cost of the attacks grows with images, batch size, classes and steps: a table, and a plot
with --plot.
"""
from utils import cli

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from attacks import carlini_wagner, deepfool, high_confidence
from benchmarks import common
from experiments.names import attack_name
from figures.style import lines, panels, save_figure, styled
from models import build_model
from training.session import start_graph_mode

FLAGS = flags.FLAGS

flags.DEFINE_string('layer_dims', '1200-1200-1200', 'hidden layers of the MLP, with random weights')
flags.DEFINE_string('plot', None, 'write the plot to this PNG file, and as SVG beside it')

BASE = dict(images=400, slots=100, classes=10, steps=20)
AXES = {
    'images': (50, 100, 200, 400, 800), 'slots': (10, 25, 50, 100, 200, 400),
    'classes': (2, 5, 10, 20, 40), 'steps': (5, 10, 20, 40)
}
ATTACKS = {   # none of them reaches its goal, so each image takes exactly `steps` steps
    'deepfool': lambda *inputs, steps, slots: deepfool(*inputs, slots, max_iter=steps, clip=1e-4),
    'high_confidence': lambda *inputs, steps, slots: high_confidence(
        *inputs, slots=slots, max_iter=steps, clip=1e-4, confidence=1.),
    'carlini': lambda *inputs, steps, slots: carlini_wagner(
        *inputs, slots=slots, max_iter=steps, binary_steps=1, abort_early=False),
}


def measure(name, images, slots, classes, steps):
    """CPU milliseconds an image of an attack on random images of an MLP with random weights."""
    with tf.Graph().as_default(), tf.Session(config=common.one_thread()) as session:
        x, y = tf.placeholder(tf.float32, [None, 28, 28, 1]), tf.placeholder(tf.int32, [None])
        model = build_model('mlp', classes, 1, FLAGS.layer_dims)
        pred = tf.argmax(model(x), axis=1)
        attack = ATTACKS[name](model, x, y, steps=steps, slots=slots)
        session.run(tf.global_variables_initializer())
        feed = {x: np.random.RandomState(0).uniform(size=(images, 28, 28, 1))}
        feed[y] = session.run(pred, feed)
        session.run(attack, feed)
        seconds, _ = common.cpu_seconds(lambda: session.run(attack, feed))
    return 1e3 * seconds / images


@styled
def plot(costs, path):
    """A panel for each axis: {axis: {attack: [milliseconds]}}, both scales logarithmic."""
    figure, panel = panels(3.4 * len(AXES), 3.2, 1, len(AXES), sharey=True)
    looks = lines(list(ATTACKS))
    for axis, name in zip(panel[0], AXES):
        for attack, cost in costs[name].items():
            axis.plot(AXES[name], cost, marker='.', label=attack_name(attack), **looks[attack])
        axis.set_xlabel(name)
        axis.set_xscale('log')
        axis.set_yscale('log')
        axis.set_xticks(AXES[name])
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for scale in (axis.xaxis, axis.yaxis):
            scale.set_major_formatter(FuncFormatter(lambda value, unused_place: '%g' % value))
            scale.set_minor_locator(NullLocator())
    panel[0][0].set_ylabel('CPU ms an image')
    panel[0][-1].legend(loc='upper left')
    figure.tight_layout()
    save_figure(figure, path)


def main():
    """Prints a table for each axis; the other three are as in BASE."""
    start_graph_mode()
    costs = {}
    for axis, values in AXES.items():
        costs[axis] = {name: [measure(name, **dict(BASE, **{axis: value})) for value in values]
                       for name in ATTACKS}
        rows = [[value] + ['%.2f' % costs[axis][name][i] for name in ATTACKS]
                for i, value in enumerate(values)]
        print(common.markdown([axis] + ['%s, CPU ms an image' % attack_name(name)
                                        for name in ATTACKS], rows) + '\n')
    if FLAGS.plot:
        plot(costs, FLAGS.plot)
    print('The others: %s. TensorFlow %s, one thread.' %
          (', '.join('%s %d' % item for item in BASE.items()), tf.__version__))


if __name__ == '__main__':
    cli.run(main)
