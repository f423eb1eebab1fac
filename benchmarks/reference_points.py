"""How far each attack is from the true minimum, on ReLU networks small enough to be solved exactly.
"""
import collections

from utils import cli

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags

from attacks import boundary, carlini_wagner, ddn, deepfool
from benchmarks import common
from benchmarks.exact import random_network, smallest_perturbation
from training.session import start_graph_mode

FLAGS = flags.FLAGS

flags.DEFINE_integer('num_examples', 200, 'images of each network', lower_bound=1)
flags.DEFINE_integer('seed', 0, 'of the networks and the images', lower_bound=0)

SIZES = ((2, 8, 3), (5, 12, 4), (10, 12, 5), (20, 16, 10))   # dimensions, hidden units, classes
ATTACKS = collections.OrderedDict([
    ('boundary', lambda *parts: boundary(*parts)),
    ('boundary, none dropped', lambda *parts: boundary(*parts, prune=0.)),
    ('deepfool', lambda *parts: deepfool(*parts, clip=0.)),
    ('ddn', lambda *parts: ddn(*parts)),
    ('carlini', lambda *parts: carlini_wagner(*parts)),
])


def in_graph(network):
    """The network as a model, x [n, d] -> logits [n, k], in float32."""
    weights, bias, out_weights, out_bias = [np.float32(part) for part in network]
    return lambda x: tf.matmul(tf.nn.relu(tf.matmul(x, weights) + bias), out_weights) + out_bias


def attacked(session, network, attack, x, y):
    """(x_adv, CPU seconds) of an attack on images x [n, d] with labels y."""
    images = tf.placeholder(tf.float32, [None, x.shape[1]])
    labels = tf.placeholder(tf.int32, [None])
    x_adv = attack(in_graph(network), images, labels).x_adv
    session.run(x_adv, {images: x[:2], labels: y[:2]})   # warms up
    seconds, found = common.cpu_seconds(lambda: session.run(x_adv, {images: x, labels: y}))
    return found, seconds


def row(name, who, network, x, y, x_adv, minima, seconds):
    """A line of the table, success judged in float64."""
    fooled = network.logits(x_adv).argmax(axis=1) != y
    ratio = np.linalg.norm(np.float64(x_adv) - x, axis=1)[fooled] / minima[fooled]
    within = ['%.1f' % (100. * np.sum(ratio <= limit) / len(x)) for limit in (1.01, 1.05)]
    return [name, who, '%d of %d' % (fooled.sum(), len(x)), '%.4f' % ratio.min(),
            '%.4f' % np.median(ratio), '%.3f' % ratio.mean(), '%.2f' % ratio.max()] + within + [
                '%.2f' % seconds]


def main():
    """Prints a table: the found distance over the exact one."""
    start_graph_mode()
    rows = []
    for d, m, k in SIZES:
        rng = np.random.RandomState(FLAGS.seed)
        network = random_network(d, m, k, rng)
        x = np.float32(rng.uniform(size=(FLAGS.num_examples, d)))
        y = np.int32(network.logits(x).argmax(axis=1))
        seconds, minima = common.cpu_seconds(
            lambda: [smallest_perturbation(network, *image) for image in zip(x, y)])
        minima = np.array([minimum.bound for minimum in minima])
        name = '%d-%d-%d' % (d, m, k)
        rows.append([name, 'exact', '', 1, 1, 1, 1, 100, 100, '%.2f' % seconds])
        for who, attack in ATTACKS.items():
            with tf.Graph().as_default(), tf.Session(config=common.one_thread()) as session:
                x_adv, seconds = attacked(session, network, attack, x, y)
            rows.append(row(name, who, network, x, y, x_adv, minima, seconds))
    print(common.markdown(
        ['network', 'attack', 'successes in float64', 'least ratio', 'median', 'mean', 'largest',
         'within 1 %, %', 'within 5 %, %', 'CPU s'], rows))


if __name__ == '__main__':
    cli.run(main)
