"""The paper's attack A_f (section 4, eq. 7, algorithm 1): reach the target class with confidence C,
by adaptive steps.

`generate` is the training form: unrolled, differentiable with respect to the weights of the model.
`high_confidence` is the test form: one tf.while_loop, no gradient.
"""
import collections

from utils.errors import check, check_choice
from utils.ops import confidence as confidence_of
from utils.ops import lp_norm, per_image, prediction, project_ball, select_class

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import (
    SLOTS,
    attackable,
    check_logits,
    check_norm,
    check_number,
    finish,
    project_step,
)
from attacks.loop import by_chunks, run_active
from attacks.targets import closest_targets

EPSILON = 1e-8        # keeps a step from vanishing, and in training its norm from being zero
TEST_EPSILON = 1e-16   # the same for the norm in testing, where 1e-8 would keep an image from a confidence close to 1

State = collections.namedtuple('State', 'x targets confidence attackable r iterations')
BACKPROP = ('per_step', 'full')


def adaptive_step(model, x_hat, targets, confidence, ord=2, logits=None, epsilon=EPSILON):
    """Eq. 7 at x_hat: r_i = (sqrt(eps) + |log C - log p_t| / ||w||) w / ||w||, w the gradient of
    log p_t.

    x_hat [n, ...], targets [n] int32, confidence [n] or a number in (0, 1]; `logits`, where they
    are known, are the model's on x_hat; `epsilon` goes under the root of ||w||. Returns the logits
    [n, k], log p_t [n] and r_i, which is differentiable. For ord = inf, ||w|| is the l1 norm, to
    which `epsilon` is added, and w / ||w|| is sign(w): the smallest l_inf step.
    """
    logits = model(x_hat) if logits is None else logits
    log_p_t = select_class(tf.nn.log_softmax(logits), targets)
    w = tf.gradients(log_p_t, x_hat)[0]
    if ord == np.inf:
        w_norm = lp_norm(w, 1) + epsilon
        direction = tf.sign(w)
    else:
        w_norm = lp_norm(w, 2, epsilon=epsilon)
        direction = w / per_image(w_norm, w)
    distance = tf.abs(tf.log(confidence) - log_p_t) / w_norm
    return logits, log_p_t, per_image(np.sqrt(EPSILON) + distance, w) * direction


def straight_through_indicator(margin):
    """I(margin > 0): forward exactly 0 or 1, backward the gradient of sigmoid(margin) (section 4,
    [34]); [n] -> [n].
    """
    soft = tf.sigmoid(margin)
    return tf.cast(margin > 0, margin.dtype) + (soft - tf.stop_gradient(soft))


def generate(model, x, targets, confidence, *, max_iter=5, overshoot=0.05, ord=2,
             backprop='per_step', logits=None):
    """A_f(x; t, C) unrolled for training: x_adv [n, ...], differentiable with respect to the
    weights of the model.

    x is a constant; targets [n] int32; confidence C [n], in (0, 1]; `logits`, where they are known,
    are the model's on x, which saves the first forward pass. An image that has reached C takes no
    further step. With backprop='per_step' each x_hat is a constant, with 'full' the gradient
    follows the whole trajectory.
    """
    check_choice('backprop', backprop, BACKPROP)
    check_norm(ord)
    r = tf.zeros_like(x)
    running = 1.
    for i in range(max_iter):
        x_hat = x + (1 + overshoot) * r if i else x
        if i and backprop == 'per_step':
            x_hat = tf.stop_gradient(x_hat)
        _, log_p_t, r_i = adaptive_step(model, x_hat, targets, confidence, ord,
                                        None if i else logits)
        running *= straight_through_indicator(confidence - tf.exp(log_p_t))
        r += per_image(running, r_i) * r_i
    return x + (1 + overshoot) * r


def high_confidence(model, x, y, *, targets=None, confidence='same', max_iter=500, overshoot=0.02,
                    clip=0.1, box=True, ord=2, step_size=None, epsilon=TEST_EPSILON, slots=SLOTS):
    """A_f(x; t, C) for testing: stops an image when the model predicts t with probability at least
    C.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. `targets` [n] int32,
    by default the class with the closest boundary at x. `confidence` is C: a number in (0, 1], a
    tensor [n], or 'same', the confidence on x. Each step is at most `clip` long (0: no limit) and,
    with `box`, followed by a projection of x + (1 + overshoot) r to [0, 1]. A fixed `step_size` in
    place of eq. 7's makes this the Basic Iterative Method (section 4). `epsilon` goes under the
    root of ||w||: the gradient of log p_t is 1 - p_t times that of the logits, so with the 1e-8 of
    training an image creeps once 1 - p_t is near 1e-6, and does not get to C in 500 steps. `slots`
    images are worked on at a time. Returns Adversarial; raises UserError for a hyper-parameter out
    of range.
    """
    check_norm(ord)
    for name, value in (('overshoot', overshoot), ('clip', clip), ('max_iter', max_iter)):
        check_number(name, value)
    check_number('slots', slots, low=1)
    check_number('epsilon', epsilon, low_open=True)
    check(not isinstance(confidence, str) or confidence == 'same',
          "confidence is %r; expected a number or 'same'", confidence)
    check_logits(model, x, y)
    n = tf.size(y)

    def begin(rows):
        x_rows, y_rows = tf.gather(x, rows), tf.gather(y, rows)
        logits = model(x_rows)
        t = closest_targets(logits, x_rows, y_rows, ord) if targets is None else tf.gather(
            targets, rows)
        return attackable(logits, y_rows), t, confidence_of(logits)

    can_attack, chosen, same = by_chunks(begin, n, slots)
    required = same if isinstance(confidence, str) else tf.zeros_like(same) + confidence

    def enter(rows):
        x_rows = tf.gather(x, rows)
        return State(x_rows, tf.gather(chosen, rows), tf.gather(required, rows),
                     tf.gather(can_attack, rows), tf.zeros_like(x_rows), tf.zeros_like(rows))

    def step(state):
        logits, log_p_t, r_i = adaptive_step(model, state.x + (1 + overshoot) * state.r,
                                             state.targets, state.confidence, ord, epsilon=epsilon)
        reached = tf.equal(prediction(logits), state.targets) & (tf.exp(log_p_t)
                                                                 >= state.confidence)
        active = state.attackable & ~reached & (state.iterations < max_iter)
        if step_size is not None:
            r_i *= per_image(step_size / tf.maximum(lp_norm(r_i, ord), 1e-12), r_i)
        if clip:
            r_i = project_ball(r_i, clip, ord)
        r = tf.where(active, project_step(state.x, state.r + r_i, overshoot, box), state.r)
        return state._replace(r=r, iterations=state.iterations + tf.cast(active, tf.int32)), ~active

    found = run_active(enter, step, ('r', 'iterations'), n, slots)
    return finish(x, found['r'], overshoot, box, found['iterations'])
