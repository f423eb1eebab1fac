"""How well float32 finds VAT's direction for each xi: its cosine with the float64 one, with and
without softmax_change.
"""
from utils import cli
from utils.errors import check
from utils.noise import Noise
from utils.ops import steepest

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags

from benchmarks import common
from defenses.vat import divergence_gradient
from training.session import start_graph_mode

FLAGS = flags.FLAGS

flags.DEFINE_string('load_dir', None, 'run folder of an MLP with ReLU')
flags.DEFINE_string('data_dir', None, 'folder of the MNIST files (default: as in training)')
flags.DEFINE_integer('num_examples', 200, 'test images', lower_bound=1)

XIS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.)


def reference(weights, images, d, xi=1e-6):
    """The gradient of KL(p(x) || p(x + xi d)) in float64 NumPy, without cancellation: [n, pixels].
    """
    def forward(net):
        hidden = []
        for w, b in weights[:-1]:
            net = np.maximum(net @ w + b, 0)
            hidden.append(net)
        return net @ weights[-1][0] + weights[-1][1], hidden
    logits, _ = forward(images)
    logits_d, hidden = forward(images + xi * d)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    delta = logits_d - logits
    delta -= delta[np.arange(len(p)), p.argmax(axis=1)][:, None]
    change = p * np.expm1(delta - np.log1p((p * np.expm1(delta)).sum(axis=1, keepdims=True)))
    gradient = change @ weights[-1][0].T
    for (w, _), active in zip(weights[-2::-1], hidden[::-1]):
        gradient = (gradient * (active > 0)) @ w.T
    return gradient


def main():
    """Prints the share of images whose direction has a cosine above 0.99 with the reference."""
    start_graph_mode()
    check(FLAGS.load_dir, '--load_dir is missing; expected a run folder that train.py wrote')
    session, model, test, x, _ = common.load_network(FLAGS.load_dir, FLAGS.data_dir)
    images, xi = test.images(slice(FLAGS.num_examples)), tf.placeholder(tf.float32, [])
    d = steepest(Noise(1, 0).normal(tf.shape(x), 1., 'vat/direction'))
    x_d = x + xi * d
    logits, logits_d = model(x), model(x_d)
    found = {'KL differentiated': divergence_gradient(logits, logits_d, x_d, plain=True),
             'softmax_change': divergence_gradient(logits, logits_d, x_d)}
    values = np.array(session.run([v.read_value() for v in model.variables]), dtype=object)
    weights = [(np.float64(values[i]), np.float64(values[i + 1])) for i in range(0, len(values), 2)]
    flat = lambda a: np.float64(a).reshape(len(images), -1)
    expected = reference(weights, flat(images), flat(session.run(d, {x: images})))
    rows = []
    for value in XIS:
        gradients = session.run(found, {x: images, xi: value})
        cosines = [
            (flat(g) * expected).sum(axis=1) /
            np.maximum(np.linalg.norm(flat(g), axis=1) * np.linalg.norm(expected, axis=1), 1e-300)
            for g in gradients.values()
        ]
        rows.append(['%g' % value] + ['%.1f' % (100 * (c > 0.99).mean()) for c in cosines])
    print(common.markdown(['xi'] + ['%s, %% above 0.99' % name for name in found], rows))


if __name__ == '__main__':
    cli.run(main)
