"""The critic's losses as pure functions of its logits (section 4, equations 4 and 5)."""
from utils.ops import lp_norm

import tensorflow.compat.v1 as tf


def bce(d, label):
    """Binary cross-entropy of logits d [n] against the constant label 0 (adversarial) or 1
    (natural): [n].
    """
    return tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.fill(tf.shape(d), float(label)),
                                                   logits=d)


def gradient_penalty(d, x):
    """(||grad_x D(x)||_2 - 1)^2 at x itself, not at interpolations: logits d [n] of images x [n,
    ...] -> [n] (section 4, [32]).
    """
    slope = lp_norm(tf.gradients(d, x)[0], 2, epsilon=1e-12)
    return tf.square(slope - 1.)
