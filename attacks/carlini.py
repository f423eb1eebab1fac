"""The Carlini-Wagner l2 attack (IEEE S&P 2017; [10] of the paper), its binary search and its
descents in one loop of the graph.
"""
import collections
import functools

from utils.ops import per_image, project_box, squared_norm

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, check_whole, outcome
from attacks.inputs import check_inputs
from attacks.loop import SLOTS, by_chunks, run_active
from attacks.targets import lead

BETA1, BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8
LARGEST = 1e30        # const is no larger, so that its product with a margin is finite
INSIDE = 0.9999       # keeps arctanh finite, and its gradient alive, for pixels at 0 and 1
ABORT_CHECKS = 10     # the loss is looked at this many times in a descent
ABORT_RATIO = 0.9999  # and must have fallen to this share of what it was

PREFIX = 'carlini'
SHARED = ()
HELP = {
    'max_iter': 'Adam iterations for each constant',
    'binary_steps': 'constants tried in the binary search',
    'confidence': 'margin in logits',
    'learning_rate': "learning rate of the attack's Adam",
    'initial_const': 'first constant of the binary search',
    'abort_early': 'go on to the next constant where the loss has stopped falling',
    'search_tolerance': 'end a binary search whose bracket is narrower than this share of its '
                        'upper end (0: never)',
}

# x_tanh to v: a descent's point and Adam's moments; i, previous, succeeded: the descent; const,
# lower, upper, searched: the search.
State = collections.namedtuple(
    'State', 'x_tanh label attackable modifier m v i previous succeeded const lower upper searched '
    'best_l2 best_x iterations')


def from_tanh(z):
    """Tanh space to images in [0, 1]."""
    return (tf.tanh(z) + 1.) / 2.


def shortfall(model, x_new, label, targeted, confidence):
    """The margin in logits by which x_new still falls short of success, [n]: a negative one means
    success.
    """
    gap = lead(model(x_new), label)
    return confidence + (-gap if targeted else gap)


class _Search(object):
    """One image's way: Adam descents from r = 0, each with its own const, bracketed and bisected;
    every image for itself.
    """

    def __init__(self, model, targeted, max_iter, binary_steps, confidence, learning_rate,
                 initial_const, abort_early, search_tolerance):
        self.model, self.targeted, self.confidence = model, targeted, confidence
        self.max_iter, self.binary_steps = max_iter, binary_steps
        self.learning_rate, self.initial_const = learning_rate, initial_const
        self.abort_early, self.search_tolerance = abort_early, search_tolerance

    def begin(self, images, labels, can_attack):
        """The State of images [b, ...] before their first iteration."""
        zeros, fill = tf.zeros_like(images), functools.partial(tf.fill, tf.shape(labels))
        return State(tf.atanh((2. * images - 1.) * INSIDE), labels, can_attack, zeros, zeros, zeros,
                     fill(0), fill(np.inf), fill(False), fill(self.initial_const), fill(0.),
                     fill(np.inf), fill(0), fill(np.inf), images, fill(0))

    def step(self, state):
        """One iteration of each image: (state, done [b])."""
        state, ended = self._descend(state)
        state = tf.cond(tf.reduce_any(ended), lambda: self._next_const(state, ended), lambda: state)
        narrow = (state.upper < np.inf) & (state.upper - state.lower
                                           < self.search_tolerance * state.upper)
        return state, ended & (narrow | (state.searched >= self.binary_steps)) | ~state.attackable

    def _descend(self, state):
        """One Adam step; ended [b]: the descent is over, because it is long enough or its loss has
        stopped falling.
        """
        x_new = from_tanh(state.x_tanh + state.modifier)
        short = shortfall(self.model, x_new, state.label, self.targeted, self.confidence)
        l2 = squared_norm(x_new - from_tanh(state.x_tanh))
        loss = l2 + state.const * tf.maximum(short, 0.)
        gradient = tf.gradients(loss, state.modifier)[0]
        checked = self.abort_early & tf.equal(state.i % max(self.max_iter // ABORT_CHECKS, 1), 0)
        last_hope = (state.searched >= self.binary_steps - 1) & (state.best_l2 >= np.inf)
        live = state.attackable & ~(checked & ~last_hope & (loss > ABORT_RATIO * state.previous))
        success = live & (short < 0.)
        better = success & (l2 < state.best_l2)
        m = BETA1 * state.m + (1. - BETA1) * gradient
        v = BETA2 * state.v + (1. - BETA2) * tf.square(gradient)
        t = tf.cast(state.i + 1, tf.float32)
        rate = per_image(self.learning_rate * tf.sqrt(1. - BETA2 ** t) / (1. - BETA1 ** t), x_new)
        state = state._replace(modifier=state.modifier - rate * m / (tf.sqrt(v) + ADAM_EPSILON),
                               m=m, v=v, i=state.i + 1, previous=tf.where(
                                   checked, loss,
                                   state.previous), succeeded=state.succeeded | success,
                               best_l2=tf.where(better, l2, state.best_l2), best_x=tf.where(
                                   better, project_box(x_new), state.best_x),
                               iterations=state.iterations + tf.cast(live, tf.int32))
        return state, ~live | (state.i >= self.max_iter)

    def _next_const(self, state, ended):
        """For images whose descent has ended: moves the bracket of const, and begins the next
        descent.
        """
        upper = tf.where(ended & state.succeeded, tf.minimum(state.upper, state.const), state.upper)
        lower = tf.where(ended & ~state.succeeded, tf.maximum(state.lower, state.const),
                         state.lower)
        const = tf.where(upper < np.inf, (lower + upper) / 2.,
                         tf.minimum(state.const * 10., LARGEST))
        zeros = tf.zeros_like(state.modifier)
        return state._replace(
            modifier=tf.where(ended, zeros, state.modifier), m=tf.where(ended, zeros, state.m),
            v=tf.where(ended, zeros, state.v), i=tf.where(ended, tf.zeros_like(state.i), state.i),
            previous=tf.where(ended, tf.fill(tf.shape(const), np.inf),
                              state.previous), succeeded=state.succeeded & ~ended, const=tf.where(
                                  ended, const, state.const), lower=lower, upper=upper,
            searched=state.searched + tf.cast(ended, tf.int32))


def carlini_wagner(model, x, y=None, targets=None, slots=SLOTS, *, max_iter=1000, binary_steps=9,
                   confidence=0., learning_rate=1e-2, initial_const=1e-3, abort_early=True,
                   search_tolerance=0.):
    """Minimises ||r||^2 + const max(margin + confidence, 0) over tanh space with Adam; binary
    search over const.

    For model, x, y and targets see check_inputs; `confidence` is the margin in logits. The defaults
    are the authors' with 1000 iterations (section 5). With `abort_early` an image whose loss has
    stopped falling goes on to the next const, each image by itself; not in the last descent of one
    for which none has succeeded. A search ends before its last step when its bracket is
    narrower than `search_tolerance` times its upper end (0: never). An image for which no const
    succeeds is returned as it is. `slots` images are worked on at a time. Returns Adversarial;
    raises UserError for an argument that cannot be used.
    """
    for name, value in (('confidence', confidence), ('search_tolerance', search_tolerance)):
        check_number(name, value)
    for name, value in (('learning_rate', learning_rate), ('initial_const', initial_const)):
        check_number(name, value, low_open=True)
    check_whole(max_iter=max_iter, binary_steps=binary_steps, slots=slots)
    inputs = check_inputs(model, x, y, targets)
    model, x, y, targets, _ = inputs
    n, labels = tf.size(y), y if targets is None else targets
    search = _Search(model, targets is not None, max_iter, binary_steps, confidence, learning_rate,
                     initial_const, abort_early, search_tolerance)
    can_attack, = by_chunks(
        lambda rows: [attackable(model(tf.gather(x, rows)), tf.gather(y, rows))], n, slots)
    found = run_active(
        lambda rows: search.begin(*(tf.gather(tensor, rows) for tensor in (x, labels, can_attack))),
        search.step, ('best_x', 'iterations'), n, slots)
    return outcome(inputs, found['best_x'], found['iterations'])
