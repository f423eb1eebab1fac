"""l2 margin maximization ([19], Matyasko and Chau, IJCNN 2017): section 2 and the margin rows of
Table 1.
"""
from utils.ops import class_norms, mask_class, select_class, squared_norm

import tensorflow.compat.v1 as tf

from attacks.jacobian import jacobian
from attacks.targets import boundary_distances
from training.objective import classifier_alone

HELP = {'lmbd': 'weight of the squared l2 norm of the difference of gradients'}


def hinge(logits, y):
    """Crammer and Singer's multiclass hinge, max over j other than y of (1 + f_j - f_y), at least
    0: [n, k], [n] -> [n].
    """
    closest = tf.reduce_max(mask_class(logits, y), axis=1)
    return tf.nn.relu(1. + closest - select_class(logits, y))


def steepest_rival(logits, jac, y):
    """The class j other than y with the largest ||grad f_y - grad f_j||_2, a constant: [n] int32.
    """
    _, w = boundary_distances(logits, jac, y)
    return tf.stop_gradient(tf.argmax(class_norms(w), axis=1,
                                      output_type=tf.int32))   # the norm is 0 for y itself


def losses(model, x, y, *, lmbd=0.1):
    """hinge + lmbd max over j other than y of ||grad f_y - grad f_j||_2^2; model: x -> logits [n,
    k], y [n] int32.

    The gradient with respect to the weights is of second order: it passes through grad f.
    """
    logits = model(x)
    rival = steepest_rival(logits, jacobian(logits, x), y)

    def classifier_loss():
        w = tf.gradients(select_class(logits, y) - select_class(logits, rival), x)[0]
        return tf.reduce_mean(hinge(logits, y)) + lmbd * tf.reduce_mean(squared_norm(w))
    return classifier_alone(logits, classifier_loss)
