"""The Fast Gradient Sign Method (Goodfellow et al., ICLR 2015; [7] of the paper), and its l2 form.
"""
from utils.ops import nll, norm, project_box, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import Adversarial, attackable, check_logits, check_number

SHARED = ('box', 'epsilon', 'ord')
HELP = {}


def gradient_step(logits, x, y, epsilon, ord=np.inf):
    """epsilon times the unit direction in x that raises the NLL of y fastest, logits the model's on
    x: r [n, ...], a constant.
    """
    gradient = tf.gradients(nll(logits, y), x)[0]
    return tf.stop_gradient(epsilon * steepest(gradient, ord))


def fgsm(model, x, y, *, epsilon=0.3, ord: norm = np.inf, box=True):
    """One step of norm `epsilon` in the direction that raises the NLL of y: x + epsilon sign(grad_x
    NLL) for ord = inf.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32. With `box`, the result is
    projected to [0, 1]. Returns Adversarial; raises UserError for a hyper-parameter out of range.
    """
    ord = norm(ord)
    check_number('epsilon', epsilon)
    logits = check_logits(model, x, y)
    active = attackable(logits, y)
    x_adv = x + gradient_step(logits, x, y, epsilon, ord)
    x_adv = tf.where(active, project_box(x_adv) if box else x_adv, x)
    return Adversarial(tf.stop_gradient(x_adv), tf.cast(active, tf.int32))
