"""The Carlini-Wagner l2 attack (IEEE S&P 2017; [10] of the paper), with its binary search inside the graph."""
import collections

import tensorflow.compat.v1 as tf

from attacks.contract import Adversarial, attackable, check_logits, check_number
from utils.ops import project_box, select_class

Search = collections.namedtuple('Search', 'const lower upper best_l2 best_x iterations')
Descent = collections.namedtuple('Descent', 'modifier m v previous live succeeded best_l2 best_x iterations')

BETA1, BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
UNBOUNDED = 1e10      # the upper bracket before the first success
INSIDE = 0.999999     # keeps arctanh finite for pixels at 0 and 1
ABORT_CHECKS = 10     # the loss is looked at this many times
ABORT_RATIO = 0.9999  # and must have fallen to this share of what it was


def _objective(model, x, x_new, label, targeted, confidence):
    """Squared l2 distance [n], and the margin by which the attack still falls short [n]: a negative one means success."""
    logits = model(x_new)
    others = logits - 1e4 * tf.one_hot(label, int(logits.shape[1]))
    gap = select_class(logits, label) - tf.reduce_max(others, axis=1)
    gap = -gap if targeted else gap
    return tf.reduce_sum(tf.square(x_new - x), axis=list(range(1, x.shape.ndims))), gap + confidence


def carlini_wagner(model, x, y, *, targets=None, max_iter=1000, binary_steps=9, confidence=0., learning_rate=1e-2,
                   initial_const=1e-3, abort_early=True):
    """Minimises ||r||^2 + const max(margin + confidence, 0) over tanh space with Adam; binary search over const.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. Untargeted, or towards `targets` [n] int32;
    `confidence` is the margin in logits. The defaults are the authors' with 1000 iterations (section 5). With
    `abort_early` an image whose loss has stopped falling waits for the next const, each image by itself. An image for
    which no const succeeds is returned as it is. Returns Adversarial; raises UserError for a hyper-parameter out of range.
    """
    check_number('confidence', confidence)
    check_number('learning_rate', learning_rate, low_open=True)
    check_number('initial_const', initial_const, low_open=True)
    check_number('max_iter', max_iter, low=1)
    check_number('binary_steps', binary_steps, low=1)
    active = attackable(check_logits(model, x, y), y)
    label = y if targets is None else targets
    x_tanh = tf.atanh((2. * x - 1.) * INSIDE)
    x_inside = (tf.tanh(x_tanh) + 1.) / 2.
    check_every = max(max_iter // ABORT_CHECKS, 1)

    def iterate(const, i, state):
        x_new = (tf.tanh(state.modifier + x_tanh) + 1.) / 2.
        l2, shortfall = _objective(model, x_inside, x_new, label, targets is not None, confidence)
        loss = l2 + const * tf.maximum(shortfall, 0.)
        gradient = tf.gradients(loss, state.modifier)[0]
        checked = abort_early & tf.equal(i % check_every, 0) & tf.ones_like(active)
        live = state.live & ~(checked & (loss > ABORT_RATIO * state.previous))
        success = live & (shortfall < 0.)
        better = success & (l2 < state.best_l2)
        m = BETA1 * state.m + (1. - BETA1) * gradient
        v = BETA2 * state.v + (1. - BETA2) * tf.square(gradient)
        t = tf.cast(i + 1, tf.float32)
        rate = learning_rate * tf.sqrt(1. - BETA2 ** t) / (1. - BETA1 ** t)
        return i + 1, Descent(
            m=m, v=v, modifier=state.modifier - rate * m / (tf.sqrt(v) + ADAM_EPSILON),
            previous=tf.where(checked, loss, state.previous), live=live, succeeded=state.succeeded | success,
            best_l2=tf.where(better, l2, state.best_l2), best_x=tf.where(better, project_box(x_new), state.best_x),
            iterations=state.iterations + tf.cast(live, tf.int32))

    def descend(search):
        zeros = tf.zeros_like(x)
        start = Descent(modifier=zeros, m=zeros, v=zeros, previous=tf.fill(tf.shape(search.const), 1e6), live=active,
                        succeeded=tf.zeros_like(active), best_l2=search.best_l2, best_x=search.best_x,
                        iterations=search.iterations)
        return tf.while_loop(lambda i, state: (i < max_iter) & tf.reduce_any(state.live),
                             lambda i, state: iterate(search.const, i, state), [0, start], back_prop=False,
                             parallel_iterations=1)[1]

    def bisect(step, search):
        end = descend(search)
        upper = tf.where(end.succeeded, tf.minimum(search.upper, search.const), search.upper)
        lower = tf.where(end.succeeded, search.lower, tf.maximum(search.lower, search.const))
        const = tf.where(upper < UNBOUNDED, (lower + upper) / 2., search.const * 10.)
        return step + 1, Search(const, lower, upper, end.best_l2, end.best_x, end.iterations)

    fill = lambda value: tf.fill(tf.shape(y), value)   # noqa: E731
    start = Search(const=fill(initial_const), lower=fill(0.), upper=fill(UNBOUNDED), best_l2=fill(UNBOUNDED), best_x=x,
                   iterations=tf.zeros_like(y))
    _, found = tf.while_loop(lambda step, _: step < binary_steps, bisect, [0, start], back_prop=False, parallel_iterations=1)
    return Adversarial(tf.stop_gradient(found.best_x), found.iterations)
