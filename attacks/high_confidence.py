"""The paper's attack A_f for testing (section 4, eq. 7, algorithm 1): reach the target class with
confidence C, by adaptive steps. Its training form is in attacks/unrolled.py.
"""
from utils.errors import check
from utils.ops import confidence as confidence_of
from utils.ops import lp_norm, norm, per_image, prediction, project_ball, select_class

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import check_number, check_whole, finish, outcome, project_step
from attacks.inputs import check_inputs
from attacks.loop import SLOTS, perturb
from attacks.targets import closest_targets

EPSILON = 1e-8         # keeps a step from vanishing, and in training its norm from being zero
TEST_EPSILON = 1e-16   # for the norm in testing: 1e-8 would keep an image from a C close to 1
TOLERANCE = 1e-5       # between the confidence the attack saw and the one recomputed from x_adv

PREFIX = 'hc'
SHARED = ('max_iter', 'overshoot', 'clip', 'box')
HELP = {
    'confidence': 'confidence C to reach: same, which is that of the original, or a number in '
                  '(0, 1]',
    'epsilon': 'goes under the root of ||w||; training and the published code have 1e-8, with '
               'which a confidence close to 1 is not reached',
    'ord': 'norm of the steps: l2 or linf',
    'step_size': "a fixed length in place of eq. 7's, which makes this the Basic Iterative Method",
}


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


def parse_confidence(text, names=('same',)):
    """One of `names`, or a number in (0, 1] as float; raises UserError for anything else."""
    if text in names:
        return text
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = float('nan')
    check(0 < value <= 1, 'the confidence C of the attack is %r; expected a number in (0, 1] or '
          'one of %s', text, ', '.join(names))
    return value


def high_confidence(model, x, y=None, targets=None, slots=SLOTS, *,
                    confidence: parse_confidence = 'same', max_iter=500, overshoot=0.02, clip=0.1,
                    box=True, ord: norm = 2, step_size: float = None, epsilon=TEST_EPSILON):
    """A_f(x; t, C) for testing: stops an image when the model predicts t with probability at least
    C.

    For model, x, y and targets see check_inputs; the target is by default the class with the
    closest boundary at x. `confidence` is C: a number in (0, 1], a
    tensor [n], or 'same', the confidence on x. Each step is at most `clip` long (0: no limit) and,
    with `box`, followed by a projection of x + (1 + overshoot) r to [0, 1]. A fixed `step_size` in
    place of eq. 7's makes this the Basic Iterative Method (section 4). `epsilon` goes under the
    root of ||w||: the gradient of log p_t is 1 - p_t times that of the logits, so with the 1e-8 of
    training an image creeps once 1 - p_t is near 1e-6, and does not get to C in 500 steps. `slots`
    images are worked on at a time. Returns Adversarial, whose success means C too; raises UserError
    for an argument that cannot be used.
    """
    ord = norm(ord)
    check_number('overshoot', overshoot)
    check_number('clip', clip)
    check_whole(0, max_iter=max_iter)
    check_whole(slots=slots)
    check_number('epsilon', epsilon, low_open=True)
    if step_size is not None:
        check_number('step_size', step_size, low_open=True)
    if not tf.is_tensor(confidence):
        confidence = parse_confidence(confidence)
    inputs = check_inputs(model, x, y, targets, box=box)
    model, x, y, targets, _ = inputs
    required = None
    if not isinstance(confidence, str):
        required = confidence + tf.zeros(tf.shape(y))

    def prepare(rows, x, y, logits):
        t = closest_targets(logits, x, y, ord) if targets is None else tf.gather(targets, rows)
        c = confidence_of(logits) if required is None else tf.gather(required, rows)
        return [t, c]

    def step(x, unused_y, r, t, c):
        logits, log_p_t, r_i = adaptive_step(model, x + (1 + overshoot) * r, t, c, ord,
                                             epsilon=epsilon)
        reached = tf.equal(prediction(logits), t) & (tf.exp(log_p_t) >= c)
        if step_size is not None:
            r_i *= per_image(step_size / tf.maximum(lp_norm(r_i, ord), 1e-12), r_i)
        if clip:
            r_i = project_ball(r_i, clip, ord)
        return project_step(x, r + r_i, overshoot, box), ~reached, reached

    r, iterations = perturb(model, x, y, prepare, step, max_iter=max_iter, slots=slots)

    def confident(rows, logits):
        """An image without a step is one that the model misclassifies."""
        c = confidence_of(model(tf.gather(x, rows))) if required is None else tf.gather(
            required, rows)
        return (confidence_of(logits) >= c - TOLERANCE) | tf.equal(tf.gather(iterations, rows), 0)

    return outcome(inputs, finish(x, r, overshoot, box), iterations, confident)


def succeeded(y, clean, adversarial, *, confidence='same', **unused):
    """Whether each image got to C: [n] bool, from the outputs recomputed on x and on x_adv.

    clean, adversarial: {'pred': [n], 'conf': [n]}, NumPy. An image that the model misclassifies to
    begin with succeeds at once.
    """
    required = clean['conf'] if confidence == 'same' else confidence
    reached = (adversarial['pred'] != y) & (adversarial['conf'] >= required - TOLERANCE)
    return reached | (clean['pred'] != y)


def way_back(model, x_adv, logits, slots=SLOTS, *, confidence='same', **settings):
    """A_f(A_f(x; t, C); y, C): from x_adv [n, ...] back to the class and the confidence that the
    model had on x, whose logits [n, k] are given; the images of eq. 6, [n, ...].
    """
    back = high_confidence(model, x_adv, prediction(model(x_adv)), prediction(logits), slots,
                           confidence=confidence_of(logits), **settings)
    return back.x_adv
