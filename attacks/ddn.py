"""Decoupling direction and norm, l2 (Rony et al., CVPR 2019)."""
import collections

from utils.noise import Noise
from utils.ops import lp_norm, nll, per_image, prediction, project_box, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, outcome
from attacks.inputs import check_inputs
from attacks.loop import SLOTS, by_chunks, run_active

LAST_STEP = 0.01    # of the cosine from 1, in l2
FLAT = 1e-12        # a gradient with a smaller norm gives no direction

PREFIX = 'ddn'
SHARED = ()
HELP = {
    'max_iter': 'steps, which every image takes all',
    'radius': 'l2 norm of the perturbation at the start',
    'gamma': 'share by which the norm falls after an adversarial step and else grows',
    'levels': 'values that a pixel may take, such as 256 (0: any)',
}

# direction: where to where the gradient gives none; radius: the norm epsilon of the paper.
State = collections.namedtuple(
    'State', 'x y attackable direction z radius best best_length iterations')


def ddn(model, x, y=None, noise=None, slots=SLOTS, *, max_iter=100, radius=1., gamma=.05, levels=0):
    """Ascends the NLL of y along its unit gradient; the norm falls after an adversarial step and
    grows after another. The closest adversarial point counts.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. The steps are 1 to
    0.01 long, by a cosine. `noise` (a utils.noise.Noise) draws a direction for each image, along
    which it goes where the gradient vanishes. With `levels`, the pixels are rounded to multiples
    of 1 / (levels - 1). An image for which nothing is found is returned as it is. `slots` images
    are worked on at a time. Returns Adversarial; raises UserError for a hyper-parameter out of
    range.
    """
    check_number('gamma', gamma)
    check_number('levels', levels)
    check_number('radius', radius, low_open=True)
    for name, value in (('max_iter', max_iter), ('slots', slots)):
        check_number(name, value, low=1)
    inputs = check_inputs(model, x, y)
    model, x, y, _, _ = inputs
    n = tf.size(y)
    random = steepest((noise or Noise(0)).normal(tf.shape(x), 1., 'ddn/direction'))
    random.set_shape(x.shape)

    def begin(rows):
        return [attackable(model(tf.gather(x, rows)), tf.gather(y, rows))]

    parts = [x, y] + by_chunks(begin, n, slots) + [random]

    def enter(rows):
        images, labels, right, direction = [tf.gather(part, rows) for part in parts]
        return State(images, labels, right, direction, z=images,
                     radius=tf.fill(tf.shape(rows), radius), best=images,
                     best_length=tf.fill(tf.shape(rows), np.inf), iterations=tf.zeros_like(rows))

    def step(state):
        state = advance(model, state, max_iter, gamma, levels)
        return state, ~state.attackable | (state.iterations >= max_iter)

    found = run_active(enter, step, ('best', 'iterations'), n, slots)
    return outcome(inputs, found['best'], found['iterations'])


def advance(model, state, max_iter, gamma, levels):
    """One step of each image: algorithm 1 of the paper."""
    logits = model(state.z)
    adversarial = state.attackable & tf.not_equal(prediction(logits), state.y)
    delta = state.z - state.x
    length = lp_norm(delta)
    better = adversarial & (length < state.best_length)
    gradient = tf.gradients(nll(logits, state.y), state.z)[0]
    direction = tf.where(lp_norm(gradient) < FLAT, state.direction, steepest(gradient))
    turn = np.pi * tf.cast(state.iterations, state.x.dtype) / max_iter
    rate = LAST_STEP + (1. - LAST_STEP) * (1. + tf.cos(turn)) / 2.
    delta += per_image(rate, delta) * direction
    outside = 1. - 2. * tf.cast(adversarial, state.x.dtype)
    radius = state.radius * (1. + gamma * outside)
    z = project_box(state.x + per_image(radius, delta) * steepest(delta))
    if levels:
        z = tf.round(z * (levels - 1)) / (levels - 1)
    return state._replace(
        z=z, radius=radius,
        best=tf.where(better, state.z, state.best),
        best_length=tf.where(better, length, state.best_length),
        iterations=state.iterations + tf.cast(state.attackable, tf.int32))
