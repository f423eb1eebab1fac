"""The Fast Gradient Sign Method (Goodfellow et al., ICLR 2015; [7] of the paper), and its l2 form.
"""
from utils.ops import nll, norm, project_box, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, outcome
from attacks.inputs import check_inputs

SHARED = ('box', 'epsilon', 'ord')
HELP = {}


def gradient_step(logits, x, y, epsilon, ord=np.inf):
    """epsilon times the unit direction in x that raises the NLL of y fastest, logits the model's on
    x: r [n, ...], a constant.
    """
    gradient = tf.gradients(nll(logits, y), x)[0]
    return tf.stop_gradient(epsilon * steepest(gradient, ord))


def away_or_towards(inputs, length):
    """What gradient_step takes: the label and the length of a step, away from y or, where there are
    targets, towards them.
    """
    return (inputs.y, length) if inputs.targets is None else (inputs.targets, -length)


def fgsm(model, x, y=None, targets=None, *, epsilon=0.3, ord: norm = np.inf, box=True):
    """One step of norm `epsilon` in the direction that raises the NLL of y: x + epsilon sign(grad_x
    NLL) for ord = inf. With `targets` it lowers theirs.

    For model, x, y and targets see check_inputs. With `box`, the result is projected to [0, 1].
    Returns Adversarial; raises UserError for an argument that cannot be used.
    """
    ord = norm(ord)
    check_number('epsilon', epsilon)
    inputs = check_inputs(model, x, y, targets, box=box)
    active = attackable(inputs.logits, inputs.y)
    label, length = away_or_towards(inputs, epsilon)
    x_adv = inputs.x + gradient_step(inputs.logits, inputs.x, label, length, ord)
    x_adv = tf.where(active, project_box(x_adv) if box else x_adv, inputs.x)
    return outcome(inputs, x_adv, tf.cast(active, tf.int32))
