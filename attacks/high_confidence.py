"""The paper's attack A_f (section 4, eq. 7, algorithm 1): reach the target class with confidence C, by adaptive steps.

`generate` is the training form: unrolled, differentiable with respect to the weights of the model.
`high_confidence` is the test form: one tf.while_loop, no gradient.
"""
import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import Adversarial, attackable, check_logits, check_norm, check_number
from attacks.targets import closest_targets
from utils.errors import check, check_choice
from utils.ops import confidence as confidence_of
from utils.ops import lp_norm, per_image, prediction, project_ball, project_box, select_class

EPSILON = 1e-8   # keeps a step from vanishing, and its norm from being zero
BACKPROP = ('per_step', 'full')


def adaptive_step(model, x_hat, targets, confidence, ord=2):
    """Eq. 7 at x_hat: r_i = (sqrt(eps) + |log C - log p_t| / ||w||) w / ||w||, w the gradient of log p_t.

    x_hat [n, ...], targets [n] int32, confidence [n] or a number in (0, 1]. Returns the logits [n, k], log p_t [n] and r_i,
    which is differentiable. For ord = inf, ||w|| is the l1 norm and w / ||w|| is sign(w): the smallest l_inf step.
    """
    logits = model(x_hat)
    log_p_t = select_class(tf.nn.log_softmax(logits), targets)
    w = tf.gradients(log_p_t, x_hat)[0]
    if ord == np.inf:
        w_norm = lp_norm(w, 1) + EPSILON
        direction = tf.sign(w)
    else:
        w_norm = lp_norm(w, 2, epsilon=EPSILON)
        direction = w / per_image(w_norm, w)
    distance = tf.abs(tf.log(confidence) - log_p_t) / w_norm
    return logits, log_p_t, per_image(np.sqrt(EPSILON) + distance, w) * direction


def straight_through_indicator(margin):
    """I(margin > 0): forward exactly 0 or 1, backward the gradient of sigmoid(margin) (section 4, [34]); [n] -> [n]."""
    soft = tf.sigmoid(margin)
    return tf.cast(margin > 0, margin.dtype) + (soft - tf.stop_gradient(soft))


def generate(model, x, targets, confidence, *, max_iter=5, overshoot=0.05, ord=2, backprop='per_step'):
    """A_f(x; t, C) unrolled for training: x_adv [n, ...], differentiable with respect to the weights of the model.

    targets [n] int32; confidence C [n], in (0, 1]. An image that has reached C takes no further step. With
    backprop='per_step' each x_hat is a constant, with 'full' the gradient follows the whole trajectory.
    """
    check_choice('backprop', backprop, BACKPROP)
    check_norm(ord)
    r = tf.zeros_like(x)
    running = 1.
    for _ in range(max_iter):
        x_hat = x + (1 + overshoot) * r
        if backprop == 'per_step':
            x_hat = tf.stop_gradient(x_hat)
        _, log_p_t, r_i = adaptive_step(model, x_hat, targets, confidence, ord)
        running *= straight_through_indicator(confidence - tf.exp(log_p_t))
        r += per_image(running, r_i) * r_i
    return x + (1 + overshoot) * r


def high_confidence(model, x, y, *, targets=None, confidence='same', max_iter=500, overshoot=0.02, clip=0.1, box=True,
                    ord=2, step_size=None):
    """A_f(x; t, C) for testing: stops an image when the model predicts t with probability at least C.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. `targets` [n] int32, by default the class with
    the closest boundary at x. `confidence` is C: a number in (0, 1], a tensor [n], or 'same', the confidence on x. Each
    step is at most `clip` long (0: no limit) and, with `box`, followed by a projection of x + (1 + overshoot) r to [0, 1].
    A fixed `step_size` in place of eq. 7's makes this the Basic Iterative Method (section 4). Returns Adversarial; raises
    UserError for a hyper-parameter out of range.
    """
    check_norm(ord)
    for name, value in (('overshoot', overshoot), ('clip', clip), ('max_iter', max_iter)):
        check_number(name, value)
    logits = check_logits(model, x, y)
    if targets is None:
        targets = closest_targets(logits, x, y, ord)
    if isinstance(confidence, str):
        check(confidence == 'same', "confidence is %r; expected a number or 'same'", confidence)
        confidence = confidence_of(logits)
    confidence = tf.stop_gradient(confidence + tf.zeros_like(logits[:, 0]))

    def body(i, r, active, iterations):
        x_hat = x + (1 + overshoot) * r
        logits, log_p_t, r_i = adaptive_step(model, x_hat, targets, confidence, ord)
        reached = tf.equal(prediction(logits), targets) & (tf.exp(log_p_t) >= confidence)
        active = active & ~reached
        if step_size is not None:
            r_i *= per_image(step_size / tf.maximum(lp_norm(r_i, ord), 1e-12), r_i)
        if clip:
            r_i = project_ball(r_i, clip, ord)
        r_next = r + r_i
        if box:
            r_next = (project_box(x + (1 + overshoot) * r_next) - x) / (1 + overshoot)
        return i + 1, tf.where(active, r_next, r), active, iterations + tf.cast(active, tf.int32)

    _, r, _, iterations = tf.while_loop(
        lambda i, r, active, iterations: (i < max_iter) & tf.reduce_any(active), body,
        [0, tf.zeros_like(x), attackable(logits, y), tf.zeros_like(y)], back_prop=False)
    return finish(x, r, overshoot, box, iterations)


def finish(x, r, overshoot, box, iterations):
    """x + (1 + overshoot) r, in the box if so asked, as an Adversarial."""
    x_adv = x + (1 + overshoot) * r
    return Adversarial(tf.stop_gradient(project_box(x_adv) if box else x_adv), iterations)
