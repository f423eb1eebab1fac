"""Projected Gradient Descent and the Basic Iterative Method, l2 and l_inf (Kurakin et al. [12],
Madry et al. [17]).
"""
from utils.ops import norm, per_image, project_ball, project_box, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import Adversarial, attackable, check_logits, check_number
from attacks.fgsm import gradient_step

SHARED = ('max_iter', 'box', 'epsilon', 'ord')
HELP = {'step_size': 'length of a step in the norm of the ball (default: 2.5 epsilon / max_iter)'}


def random_start(noise, x, epsilon, ord):
    """A random r [n, ...] of norm at most epsilon: uniform in the l_inf ball; in l2, a random
    direction and a uniform length.
    """
    if ord == np.inf:
        return noise.uniform(tf.shape(x), -epsilon, epsilon, 'attack/start')
    direction = steepest(noise.normal(tf.shape(x), 1., 'attack/direction'))
    return direction * per_image(noise.uniform(tf.shape(x)[:1], 0., epsilon, 'attack/length'), x)


def pgd_images(model, x, y, *, epsilon, step_size, max_iter, ord=np.inf, box=True, noise=None):
    """`max_iter` ascent steps on the NLL of y, each projected to the ball of radius epsilon and,
    with `box`, to [0, 1].

    Starts at x, or at a random point of the ball when `noise` (a utils.noise.Noise) is given.
    Returns x_adv [n, ...].
    """
    def project(r):
        r = project_ball(r, epsilon, ord)
        return project_box(x + r) - x if box else r

    def ascend(i, r):
        x_r = x + r
        return i + 1, project(r + gradient_step(model(x_r), x_r, y, step_size, ord))

    start = tf.zeros_like(x) if noise is None else project(random_start(noise, x, epsilon, ord))
    _, r = tf.while_loop(lambda i, r: i < max_iter, ascend, [0, start], back_prop=False)
    return x + r


def bim(model, x, y, *, epsilon=0.3, step_size: float = None, max_iter=500, ord: norm = np.inf,
        box=True):
    """PGD that starts at x."""
    return pgd(model, x, y, epsilon=epsilon, step_size=step_size, max_iter=max_iter, ord=ord,
               box=box)


def pgd(model, x, y, noise=None, *, epsilon=0.3, step_size: float = None, max_iter=500,
        ord: norm = np.inf, box=True):
    """Raises the NLL of y inside the ball of radius epsilon, for a fixed number of steps.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32. `step_size` is 2.5 epsilon /
    max_iter by default. With `noise` (a utils.noise.Noise) the start is random, without it is x.
    Returns Adversarial; raises UserError for a hyper-parameter out of range.
    """
    ord = norm(ord)
    check_number('epsilon', epsilon)
    check_number('max_iter', max_iter, low=1)
    if step_size is None:
        step_size = 2.5 * epsilon / max_iter
    check_number('step_size', step_size)
    active = attackable(check_logits(model, x, y), y)
    x_adv = pgd_images(model, x, y, epsilon=epsilon, step_size=step_size, max_iter=max_iter,
                       ord=ord, box=box, noise=noise)
    return Adversarial(tf.stop_gradient(tf.where(active, x_adv, x)),
                       max_iter * tf.cast(active, tf.int32))
