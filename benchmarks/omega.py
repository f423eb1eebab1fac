"""CPU time of a training step of Cross-Lipschitz regularisation by form, beside a plain one."""
from utils import cli
from utils.noise import Noise

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags

import defenses
from benchmarks import common
from models import build_model
from training.optimizers import build_optimizers
from training.session import start_graph_mode
from training.step import build_steps

FLAGS = flags.FLAGS

flags.DEFINE_string('shape', '28x28x1', 'height, width and channels of the images')
flags.DEFINE_integer('classes', 10, 'classes', 2)
flags.DEFINE_integer('batch_size', 64, 'images in a step', 1)
flags.DEFINE_integer('repeat', 20, 'steps to measure', 1)

FORMS = ('none', 'projection', 'margin', 'rows', 'jacobian', 'analytic')


def step_of(form, x, y):
    """The op of a training step of mlp1."""
    noise = Noise(1, tf.get_variable('step', [], tf.int32, tf.zeros_initializer(), trainable=False,
                                     use_resource=True).read_value())
    name = 'none' if form == 'none' else 'cross_lipschitz'
    hyper = defenses.resolve(name, {} if form == 'none' else {'cl_form': form})
    model = build_model('mlp1', FLAGS.classes, 1)
    losses = defenses.build_losses(name, hyper, model=model, x=x, y=y, noise=noise)
    optimizers = build_optimizers({'lr': 0.2, 'critic_lr': 0.}, 'sgd')
    counter = tf.get_variable('counter', [], tf.int32, tf.zeros_initializer(), trainable=False,
                              use_resource=True)
    return build_steps(losses, {'classifier': model}, optimizers, y, counter).train


def milliseconds(form, shape):
    """The median CPU time of a step."""
    rng = np.random.RandomState(0)
    n = FLAGS.batch_size
    with tf.Graph().as_default(), tf.Session(config=common.one_thread()) as session:
        x = tf.placeholder(tf.float32, (None,) + shape)
        y = tf.placeholder(tf.int32, [None])
        step = step_of(form, x, y)
        session.run(tf.global_variables_initializer())
        feed = {x: rng.uniform(size=(n,) + shape), y: rng.randint(FLAGS.classes, size=n)}
        session.run(step, feed)
        times = [common.cpu_seconds(lambda: session.run(step, feed))[0]
                 for _ in range(FLAGS.repeat)]
    return 1000 * np.median(times)


def main():
    """Prints a table."""
    start_graph_mode()
    shape = tuple(int(size) for size in FLAGS.shape.split('x'))
    found = {form: milliseconds(form, shape) for form in FORMS}
    print(common.markdown(['form', 'CPU ms a step', 'times none'], [
        [form, '%.1f' % ms, '%.2f' % (ms / found['none'])] for form, ms in found.items()]))
    print('mlp1, %s, %d classes, batch %d, TensorFlow %s, one thread' %
          (FLAGS.shape, FLAGS.classes, FLAGS.batch_size, tf.__version__))


if __name__ == '__main__':
    cli.run(main)
