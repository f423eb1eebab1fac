"""Adversarial training with the Fast Gradient Sign Method (section 3, eq. 2; [7, 8])."""
from utils.ops import nll, project_box

import tensorflow.compat.v1 as tf

from attacks.fgsm import gradient_step
from training.objective import classifier_alone

HELP = {
    'lmbd': 'weight of the loss on the adversarial images (lambda of eq. 2)',
    'epsilon': 'l_inf norm of the perturbation epsilon sign(grad_x NLL)',
    'cut_off': 'bring the adversarial images back into [0, 1]',
}


def losses(model, x, y, *, lmbd=1., epsilon=0.1, cut_off=False):
    """NLL(x) + lmbd NLL(x + r) with r = epsilon sign(grad_x NLL), a constant (eq. 2); `cut_off`:
    x + r is brought back into [0, 1]. model: x -> logits [n, k], y [n] int32.
    """
    logits = model(x)
    x_adv = x + gradient_step(logits, x, y, epsilon)
    x_adv = project_box(x_adv) if cut_off else x_adv

    def classifier_loss():
        return tf.reduce_mean(nll(logits, y)) + lmbd * tf.reduce_mean(nll(model(x_adv), y))
    return classifier_alone(logits, classifier_loss)
