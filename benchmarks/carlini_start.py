"""How near to 0 and 1 Carlini-Wagner may start: rho and CPU seconds for each share of the tanh
space's width.
"""
from utils import cli
from utils.errors import check

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags

from attacks import carlini
from benchmarks import common
from datasets import load_dataset
from evaluation.networks import load_network
from evaluation.results import relative_norms
from training.session import start_graph_mode

FLAGS = flags.FLAGS

flags.DEFINE_string('weights', None, 'network that export.py wrote, weights.npz')
flags.DEFINE_string('data_dir', 'data', 'folder of the MNIST files')
flags.DEFINE_integer('num_examples', 400, 'first test images', lower_bound=1)
flags.DEFINE_integer('slots', 100, 'images attacked at a time', lower_bound=1)
flags.DEFINE_integer('binary_steps', 9, 'constants tried in the binary search', lower_bound=1)
flags.DEFINE_list('inside', '0.999999,0.99999,0.9999,0.999', 'shares to try')


def main():
    """Prints a row for each share; images that are misclassified count with rho = 0."""
    start_graph_mode()
    check(FLAGS.weights, '--weights is missing; expected a weights.npz that export.py wrote')
    test = load_dataset('mnist', FLAGS.data_dir).test
    images, labels = test.images(slice(FLAGS.num_examples)), test.y[:FLAGS.num_examples]
    rows = []
    for inside in FLAGS.inside:
        carlini.INSIDE = float(inside)
        with tf.Graph().as_default(), tf.Session(config=common.one_thread()) as session:
            model = load_network(FLAGS.weights)
            x = tf.placeholder(tf.float32, (None,) + images.shape[1:])
            y = tf.placeholder(tf.int32, [None])
            attack = carlini.carlini_wagner(model, x, y, slots=FLAGS.slots,
                                            binary_steps=FLAGS.binary_steps)
            seconds, (x_adv, iterations, success) = common.cpu_seconds(
                lambda: session.run(list(attack), {x: images, y: labels}))
        rho = relative_norms(images, x_adv)[1]
        rows.append([inside, int(success.sum()), '%.5f' % rho.mean(), '%.5f' % np.median(rho),
                     int(iterations.sum()), '%.0f' % seconds])
        print(rows[-1], flush=True)
    print(common.markdown(['start', 'fooled', 'rho', 'median', 'iterations', 'CPU s'], rows))


if __name__ == '__main__':
    cli.run(main)
