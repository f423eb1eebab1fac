"""Adversarial training with Projected Gradient Descent ([17], Madry et al., ICLR 2018): eq. 1 with
the inner maximum by PGD.
"""
from utils.errors import check, check_choice
from utils.ops import nll

import tensorflow.compat.v1 as tf

from attacks.pgd import pgd_images
from attacks.unrolled import ORDS
from training.objective import Losses

HELP = {
    'epsilon': 'radius of the ball that the perturbation stays in',
    'pgd_ord': 'norm of the ball: linf or l2',
    'pgd_iter': 'ascent steps',
    'pgd_step_size': 'length of a step in the norm of the ball',
}


def losses(model, x, y, noise, *, epsilon=0.3, pgd_ord='linf', pgd_iter=40, pgd_step_size=0.01):
    """NLL on images of PGD from a random start in the ball (eq. 1), the images a constant; model: x
    -> logits [n, k].

    The defaults are [17]'s for MNIST. Raises UserError for an unknown norm or no step.
    """
    check(pgd_iter >= 1, '--pgd_iter is %s; expected at least 1', pgd_iter)
    ord = ORDS[check_choice('--pgd_ord', pgd_ord, ORDS)]
    x_adv = pgd_images(model, x, y, epsilon=epsilon, step_size=pgd_step_size, max_iter=pgd_iter,
                       ord=ord, noise=noise)
    x_adv = tf.stop_gradient(x_adv)
    return Losses(model(x), lambda: tf.reduce_mean(nll(model(x_adv), y)))
