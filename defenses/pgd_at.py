"""Adversarial training with Projected Gradient Descent ([17], Madry et al., ICLR 2018): eq. 1 with
the inner maximum by PGD.
"""
from utils.errors import check
from utils.ops import nll, norm

import tensorflow.compat.v1 as tf

from attacks.pgd import pgd_images
from training.objective import classifier_alone

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
    ord = norm(pgd_ord, '--pgd_ord')
    x_adv = pgd_images(model, x, y, epsilon=epsilon, step_size=pgd_step_size, max_iter=pgd_iter,
                       ord=ord, noise=noise)
    x_adv = tf.stop_gradient(x_adv)
    return classifier_alone(model(x), lambda: tf.reduce_mean(nll(model(x_adv), y)))
