"""What every attack returns, and the checks and steps they share."""
import collections
import numbers

from utils.errors import check
from utils.ops import prediction, project_box

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.loop import SLOTS, by_chunks

Adversarial = collections.namedtuple('Adversarial', 'x_adv iterations success')
Adversarial.__new__.__defaults__ = (None,)
Adversarial.__doc__ = """What an attack(model, x, y, *, hyper-parameters) returns.

x_adv: [n, h, w, c] float32, without a gradient; an image that the model misclassifies to begin with
is returned as it is.
iterations: [n] int32, the steps each image took.
success: [n] bool, whether the model takes x_adv for something else than y, or for the target where
there is one. Without targets an image that is misclassified to begin with is a success.
"""


def check_number(name, value, low=0., low_open=False):
    """Raises UserError unless `value` is a finite number at least (above, if low_open) `low`."""
    ok = isinstance(value, numbers.Real) and np.isfinite(value)
    ok = ok and (value > low if low_open else value >= low)
    check(ok, '%s is %s; expected a finite number %s %g', name, value,
          'above' if low_open else 'at least', low)


def check_whole(low=1, **values):
    """Raises UserError unless each value is a whole number at least `low`."""
    for name, value in values.items():
        check_number(name, value, low)
        check(value == int(value), '%s is %s; expected a whole number', name, value)


def attackable(logits, y):
    """[n] bool: the images that the model classifies correctly; the others already are errors."""
    return tf.equal(prediction(logits), y)


def largest(logits):
    """[n]: the largest absolute value of a finite logit, which rounding is a share of."""
    finite = tf.where(tf.is_finite(logits), tf.abs(logits), tf.zeros_like(logits))
    return tf.reduce_max(finite, axis=1)


def project_step(x, r, overshoot, box):
    """r [n, ...], shortened with `box` so that x + (1 + overshoot) r lies in [0, 1]."""
    return (project_box(x + (1 + overshoot) * r) - x) / (1 + overshoot) if box else r


def finish(x, r, overshoot, box):
    """x + (1 + overshoot) r, in the box if so asked; an image without a perturbation is returned to
    the bit.
    """
    x_adv = x + (1 + overshoot) * r
    return project_box(x_adv) if box else x_adv


def outcome(inputs, x_adv, iterations, also=None):
    """The Adversarial of x_adv [n, ...] and iterations [n]; its success is computed only if it is
    asked for.

    inputs: of check_inputs. also(rows [b], logits [b, k]) -> [b] bool: what success needs besides
    the class, of the images at these rows.
    """
    x_adv = tf.stop_gradient(x_adv)
    label = inputs.y if inputs.targets is None else inputs.targets

    def reached(rows):
        logits = inputs.model(tf.gather(x_adv, rows))
        same = tf.equal(prediction(logits), tf.gather(label, rows))
        found = ~same if inputs.targets is None else same
        return [found & also(rows, logits) if also else found]

    return Adversarial(x_adv, iterations, by_chunks(reached, tf.size(label), SLOTS)[0])
