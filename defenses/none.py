"""No defense: the reference rows of Table 1."""
from utils.ops import nll

import tensorflow.compat.v1 as tf

from training.objective import classifier_alone

HELP = {}


def losses(model, x, y):
    """Negative log-likelihood of the labels, L(f(x), y) of eq. 1."""
    logits = model(x)
    return classifier_alone(logits, lambda: tf.reduce_mean(nll(logits, y)))
