"""Projected Gradient Descent and the Basic Iterative Method, l2 and l_inf (Kurakin et al. [12],
Madry et al. [17]).
"""
from utils.errors import check
from utils.ops import norm, per_image, project_ball, project_box, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, check_whole, outcome
from attacks.fgsm import away_or_towards, gradient_step
from attacks.inputs import check_inputs
from attacks.targets import lead

SHARED = ('max_iter', 'box', 'epsilon', 'ord')
HELP = {
    'step_size': 'length of a step in the norm of the ball (default: 2.5 epsilon / max_iter)',
    'restarts': 'random starts; of what they lead to, the image with the least margin counts',
}


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


def bim(model, x, y=None, targets=None, *, epsilon=0.3, step_size: float = None, max_iter=500,
        ord: norm = np.inf, box=True):
    """PGD that starts at x."""
    return pgd(model, x, y, targets, epsilon=epsilon, step_size=step_size, max_iter=max_iter,
               ord=ord, box=box)


def pgd(model, x, y=None, targets=None, noise=None, *, epsilon=0.3, step_size: float = None,
        max_iter=500, restarts=1, ord: norm = np.inf, box=True):
    """Raises the NLL of y inside the ball of radius epsilon, for a fixed number of steps. With
    `targets` it lowers theirs.

    For model, x, y and targets see check_inputs. `step_size` is 2.5 epsilon / max_iter by default.
    With `noise` (a utils.noise.Noise) the start is random, without it is x. Of `restarts` starts
    the one that leads to the least margin counts, for each image by itself. Returns Adversarial;
    raises UserError for an argument that cannot be used.
    """
    ord = norm(ord)
    check_number('epsilon', epsilon)
    check_whole(max_iter=max_iter, restarts=restarts)
    check(restarts == 1 or noise is not None, 'restarts is %s without noise; expected 1, as every '
          'start would be x', restarts)
    if step_size is None:
        step_size = 2.5 * epsilon / max_iter
    check_number('step_size', step_size)
    inputs = check_inputs(model, x, y, targets, box=box)
    label, length = away_or_towards(inputs, step_size)

    def start(number):
        return pgd_images(inputs.model, inputs.x, label, epsilon=epsilon, step_size=length,
                          max_iter=max_iter, ord=ord, box=box,
                          noise=noise and noise.another(number))

    x_adv = start(0) if restarts == 1 else best_of(start, restarts, inputs)
    active = attackable(inputs.logits, inputs.y)
    return outcome(inputs, tf.where(active, x_adv, inputs.x),
                   restarts * max_iter * tf.cast(active, tf.int32))


def best_of(start, restarts, inputs):
    """The images [n, ...] of start(0) to start(restarts - 1) on which the label leads least, or the
    target most.
    """
    def margin(images):
        logits = inputs.model(images)
        return lead(logits, inputs.y) if inputs.targets is None else -lead(logits, inputs.targets)

    def again(number, best, least):
        images = start(number)
        found = margin(images)
        better = found < least
        return number + 1, tf.where(better, images, best), tf.where(better, found, least)

    unknown = tf.fill(tf.shape(inputs.y), np.inf)
    return tf.while_loop(lambda number, best, least: number < restarts, again,
                         [0, inputs.x, unknown], back_prop=False)[1]
