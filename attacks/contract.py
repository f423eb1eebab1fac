"""What every attack takes and returns, and the checks they share."""
import collections

import numpy as np
import tensorflow.compat.v1 as tf

from utils.errors import check
from utils.ops import SUPPORTED_NORMS, prediction

Adversarial = collections.namedtuple('Adversarial', 'x_adv iterations')
Adversarial.__doc__ = """What an attack(model, x, y, *, hyper-parameters) returns.

x_adv: [n, h, w, c] float32, without a gradient; an image that the model misclassifies to begin with is returned as it is.
iterations: [n] int32, the steps each image took.
"""


def check_logits(model, x, y):
    """Returns model(x); raises ValueError for a model whose output cannot be [n, k] logits or inputs of the wrong shape."""
    if x.shape.ndims is None or x.shape.ndims < 2:
        raise ValueError('x has shape %s; expected [n, ...] with known dimensions' % x.shape)
    if y.shape.ndims != 1:
        raise ValueError('y has shape %s; expected [n]' % y.shape)
    logits = model(x)
    if logits.shape.ndims != 2 or logits.shape.as_list()[1] is None:
        raise ValueError('the model returns shape %s; expected logits [n, k] with k known' % logits.shape)
    if logits.op.type == 'Softmax':
        raise ValueError('the model returns probabilities; expected logits')
    return logits


def check_number(name, value, low=0., low_open=False):
    """Raises UserError unless `value` is a finite number at least (above, if low_open) `low`."""
    ok = np.isfinite(value) and (value > low if low_open else value >= low)
    check(ok, '%s is %s; expected a finite number %s %g', name, value, 'above' if low_open else 'at least', low)


def check_norm(ord):
    """Raises UserError unless `ord` is 2 or inf."""
    check(ord in SUPPORTED_NORMS, 'ord is %r; expected 2 or inf', ord)


def attackable(logits, y):
    """[n] bool: the images that the model classifies correctly; the others already are errors."""
    return tf.equal(prediction(logits), y)
