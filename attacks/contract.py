"""What every attack takes and returns, and the checks they share."""
import collections

from utils.errors import check
from utils.ops import prediction, project_box

import numpy as np
import tensorflow.compat.v1 as tf

Adversarial = collections.namedtuple('Adversarial', 'x_adv iterations')
Adversarial.__doc__ = """What an attack(model, x, y, *, hyper-parameters) returns.

x_adv: [n, h, w, c] float32, without a gradient; an image that the model misclassifies to begin with
is returned as it is.
iterations: [n] int32, the steps each image took.
"""

def check_logits(model, x, y):
    """Returns model(x); raises ValueError for a model whose output cannot be [n, k] logits or
    inputs of the wrong shape.
    """
    if x.shape.ndims is None or x.shape.ndims < 2:
        raise ValueError('x has shape %s; expected [n, ...] with known dimensions' % x.shape)
    if y.shape.ndims != 1:
        raise ValueError('y has shape %s; expected [n]' % y.shape)
    logits = model(x)
    if logits.shape.ndims != 2 or logits.shape.as_list()[1] is None:
        raise ValueError(
            'the model returns shape %s; expected logits [n, k] with k known' % logits.shape)
    if logits.op.type == 'Softmax':
        raise ValueError('the model returns probabilities; expected logits')
    return logits


def check_number(name, value, low=0., low_open=False):
    """Raises UserError unless `value` is a finite number at least (above, if low_open) `low`."""
    ok = np.isfinite(value) and (value > low if low_open else value >= low)
    check(ok, '%s is %s; expected a finite number %s %g', name, value,
          'above' if low_open else 'at least', low)


def attackable(logits, y):
    """[n] bool: the images that the model classifies correctly; the others already are errors."""
    return tf.equal(prediction(logits), y)


def project_step(x, r, overshoot, box):
    """r [n, ...], shortened with `box` so that x + (1 + overshoot) r lies in [0, 1]."""
    return (project_box(x + (1 + overshoot) * r) - x) / (1 + overshoot) if box else r


def finish(x, r, overshoot, box, iterations):
    """x + (1 + overshoot) r, in the box if so asked, as an Adversarial; an image without a
    perturbation is returned to the bit.
    """
    x_adv = x + (1 + overshoot) * r
    return Adversarial(tf.stop_gradient(project_box(x_adv) if box else x_adv), iterations)
