"""l2 margin maximization ([19], Matyasko and Chau, IJCNN 2017): section 2 and the margin rows of Table 1."""
import numpy as np
import tensorflow.compat.v1 as tf

from attacks.targets import boundary_distances
from defenses.losses import Losses
from utils.ops import jacobian, lp_norm, select_class

HELP = {'lmbd': 'weight of the squared l2 norm of the difference of gradients'}


def hinge(logits, y):
    """Crammer and Singer's multiclass hinge, max over j other than y of (1 + f_j - f_y), at least 0: [n, k], [n] -> [n]."""
    others = logits - 1e9 * tf.one_hot(y, int(logits.shape[1]))
    return tf.nn.relu(1. + tf.reduce_max(others, axis=1) - select_class(logits, y))


def steepest_rival(logits, jac, y):
    """The class j other than y with the largest ||grad f_y - grad f_j||_2, a constant: [n] int32."""
    _, w = boundary_distances(logits, jac, y)
    flat = tf.reshape(w, [-1, int(np.prod(w.shape.as_list()[2:]))])
    norms = tf.reshape(lp_norm(flat), [-1, int(logits.shape[1])])   # 0 for y itself
    return tf.stop_gradient(tf.argmax(norms, axis=1, output_type=tf.int32))


def losses(model, x, y, *, lmbd=0.1):
    """hinge + lmbd max over j other than y of ||grad f_y - grad f_j||_2^2; model: x -> logits [n, k], y [n] int32.

    The gradient with respect to the weights is of second order: it passes through grad f.
    """
    logits = model(x)
    rival = steepest_rival(logits, jacobian(logits, x), y)

    def classifier_loss():
        w = tf.gradients(select_class(logits, y) - select_class(logits, rival), x)[0]
        slope = tf.reduce_sum(tf.square(w), axis=list(range(1, x.shape.ndims)))
        return tf.reduce_mean(hinge(logits, y)) + lmbd * tf.reduce_mean(slope)
    return Losses(logits, classifier_loss)
