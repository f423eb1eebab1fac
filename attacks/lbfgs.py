"""The box-constrained L-BFGS attack (Szegedy et al., ICLR 2014, section 4.1), its line search on c
and its descents in one loop of the graph.

min c ||r||_2^2 + loss(x + r) with x + r in [0, 1], for the largest c at which x + r is adversarial.
The paper has c ||r||_2: the same minimisers, each for another c, but no derivative at r = 0.
"""
import collections

from utils.ops import is_class, lp_norm, nll, per_image, project_box, squared_norm

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, check_whole, largest, outcome
from attacks.inputs import check_inputs
from attacks.linear_box import MARGIN, linearise
from attacks.loop import SLOTS, by_chunks, run_active
from attacks.projection import HalfSpace, inner
from attacks.targets import lead, lead_over_rival

MEMORY = 8                  # steps that L-BFGS knows of
CURVED = 1e-10              # a step counts if s y is at least this share of y y
CONSTANTS = (1e-6, 1e4)     # between which c is searched for
STRIDE = 4.                 # c goes by this factor until it is bracketed
DECREASE = 1e-4             # of Armijo's rule
ROUNDING = 1e-6             # what rises by no more than this share has not risen
FLATTER = .8                # if its slope has come down to this share (Hager & Zhang, 2005)
HALVINGS = 25               # of a step
SHRINKINGS = 16             # halvings of the way from x to what was found

PREFIX = 'lbfgs'
SHARED = ()
HELP = {
    'max_iter': 'evaluations for each constant c',
    'search_steps': 'constants tried at most',
    'tolerance': 'end the search when c is known up to this share',
    'precision': 'end a descent when what is left of it is about this share of the perturbation',
}

# z: where the image is; loss, gradient, hit: there, hit whether it is adversarial; s, y: its last
# steps, oldest first, and those of the gradient; direction, length, i: the descent; c, lower,
# upper, searched: the search. Images and gradients are flat, [b, d].
State = collections.namedtuple(
    'State', 'x label attackable z loss gradient hit s y direction length i c lower upper searched '
    'best best_l2 iterations')


def loss_of(logits, labels, targeted):
    """What is minimised: the cross-entropy to the target or, untargeted, -log(1 - p_y), which is
    the same for two classes: [n, k], [n] int32 -> [n].
    """
    if targeted:
        return nll(logits, labels)
    others = tf.where(is_class(logits, labels), tf.fill(tf.shape(logits), -np.inf), logits)
    return tf.reduce_logsumexp(logits, axis=1) - tf.reduce_logsumexp(others, axis=1)


def flatten(images):
    """[n, ...] -> [n, d]."""
    return tf.reshape(images, [-1, int(np.prod(images.shape.as_list()[1:]))])


def closest(state, z, hit):
    """The state with z [b, d] as the best image where it is a `hit` and closer than the best."""
    l2 = lp_norm(z - state.x)
    better = state.attackable & hit & (l2 < state.best_l2)
    return state._replace(best=tf.where(better, z, state.best),
                          best_l2=tf.where(better, l2, state.best_l2))


def quasi_newton(gradient, s, y, scale):
    """-H gradient [n, d], H what L-BFGS knows of the inverse Hessian from s, y [n, m, d], by the
    two-loop recursion; `scale` [n] stands for H where no step was curved.
    """
    curvature, size = tf.reduce_sum(s * y, axis=2), tf.reduce_sum(tf.square(y), axis=2)
    curved = curvature > CURVED * size
    rho = tf.where(curved, 1. / curvature, tf.zeros_like(curvature))
    along = [None] * MEMORY
    for j in reversed(range(MEMORY)):
        along[j] = rho[:, j] * inner(s[:, j], gradient)
        gradient -= per_image(along[j], gradient) * y[:, j]
    for j in range(MEMORY):
        scale = tf.where(curved[:, j], curvature[:, j] / size[:, j], scale)
    step = per_image(scale, gradient) * gradient
    for j in range(MEMORY):
        missing = along[j] - rho[:, j] * inner(y[:, j], step)
        step += per_image(missing, step) * s[:, j]
    return -step


def aim(state, turned):
    """The state with a new direction for the images that `turned`: of the pixels that are not held
    at a wall by the gradient, downhill, and not out of the box.
    """
    gradient = state.gradient + 2. * per_image(state.c, state.x) * (state.z - state.x)
    at_0, at_1, none = state.z <= 0., state.z >= 1., tf.zeros_like(gradient)
    held = (at_0 & (gradient > 0)) | (at_1 & (gradient < 0))
    gradient = tf.where(held, none, gradient)
    free = tf.expand_dims(1. - tf.cast(held, gradient.dtype), 1)
    s = free * state.s
    y = free * state.y + 2. * tf.reshape(state.c, [-1, 1, 1]) * s
    scale = tf.minimum(.5 / state.c, 1. / tf.maximum(lp_norm(gradient), 1e-30))
    direction = quasi_newton(gradient, s, y, scale)
    out = held | (at_0 & (direction < 0)) | (at_1 & (direction > 0))
    direction = tf.where(out, none, direction)
    downhill = inner(direction, gradient) < 0
    direction = tf.where(downhill, direction, -per_image(scale, gradient) * gradient)
    return state._replace(direction=tf.where(turned, direction, state.direction),
                          length=tf.where(turned, tf.ones_like(state.length), state.length))


class Search(object):
    """One image's way: descents of c ||r||^2 + loss, each from the end of the one before, and the
    search for c; every image for itself.
    """

    def __init__(self, model, shape, targeted, max_iter, search_steps, tolerance, precision):
        self.model, self.shape, self.targeted = model, [-1] + list(shape), targeted
        self.max_iter, self.search_steps = max_iter, search_steps
        self.tolerance, self.precision = tolerance, precision

    def evaluate(self, z, labels):
        """Of flat images [b, d]: (loss [b], its gradient [b, d], adversarial [b] bool)."""
        logits = self.model(tf.reshape(z, self.shape))
        loss = loss_of(logits, labels, self.targeted)
        ahead = lead(logits, labels) if self.targeted else -lead(logits, labels)
        hit = ahead > MARGIN * (1. + largest(logits))
        return loss, tf.gradients(loss, z)[0], hit

    def begin(self, images, labels, can_attack):
        """The State of images [b, ...], at the step to the linearised boundary."""
        x, z = flatten(images), flatten(self._linear_step(images, labels))
        loss, gradient, hit = self.evaluate(z, labels)
        c = -inner(gradient, z - x) / (2. * squared_norm(z - x))   # with which r is right along r
        c = tf.clip_by_value(tf.where(c > 0, c, tf.ones_like(c)), *CONSTANTS)
        none, zeros = tf.zeros_like(labels), tf.zeros_like(c)
        pairs = tf.tile(tf.expand_dims(tf.zeros_like(x), 1), [1, MEMORY, 1])
        state = State(x, labels, can_attack, z, loss, gradient, hit, pairs, pairs, x, zeros, none,
                      c, zeros, zeros + np.inf, none, x, zeros + np.inf, none)
        return aim(closest(state, z, hit), tf.ones_like(hit))

    def _linear_step(self, images, labels):
        """The closest images at which the linearised model changes class, or has the target."""
        if not self.targeted:
            _, half_space, falls, _, _ = linearise(self.model, images, labels, 1, 2)
            return half_space(falls)
        gap = lead_over_rival(self.model(images), labels)
        return HalfSpace(images, -tf.gradients(gap, images)[0])(-gap)

    def step(self, state):
        """One evaluation of each image: (state, done [b])."""
        state, moved, ended = self.descend(state)
        state = tf.cond(tf.reduce_any(ended), lambda: self._next_c(state, ended), lambda: state)
        low, high = CONSTANTS
        over = (state.upper < (1. + self.tolerance) * state.lower) | (state.lower >= high) | (
            state.upper <= low) | (state.searched >= self.search_steps)
        turned = moved | ended
        state = tf.cond(tf.reduce_any(turned), lambda: aim(state, turned), lambda: state)
        return state, ended & over | ~state.attackable

    def descend(self, state):
        """One evaluation along the direction: (state, moved [b], ended [b]): whether the image
        went there, and whether its descent is over.
        """
        z = project_box(state.z + per_image(state.length, state.z) * state.direction)
        loss, gradient, hit = self.evaluate(z, state.label)
        step, r, twice = z - state.z, z - state.x, 2. * per_image(state.c, z)
        slope = inner(state.gradient + twice * (state.z - state.x), step)
        rise = loss - state.loss + state.c * inner(step, r + state.z - state.x)
        least = ROUNDING * (tf.abs(loss) + state.c * squared_norm(r))
        level = (rise <= least) & (inner(gradient + twice * r, step) <= -FLATTER * slope)
        fallen = rise <= DECREASE * slope
        moved = (slope < 0) & (fallen | level)
        s, y = (tf.where(moved, tf.concat([old[:, 1:], tf.expand_dims(new, 1)], axis=1), old)
                for old, new in ((state.s, step), (state.y, gradient - state.gradient)))
        stuck = ~moved & (state.length < .5 ** HALVINGS)
        state = closest(state, z, hit)._replace(
            z=tf.where(moved, z, state.z), loss=tf.where(moved, loss, state.loss),
            gradient=tf.where(moved, gradient, state.gradient),
            hit=tf.where(moved, hit, state.hit), s=s, y=y, length=state.length / 2., i=state.i + 1,
            iterations=state.iterations + tf.cast(state.attackable, tf.int32))
        last = project_box(state.x - state.gradient / twice)   # if the gradient stayed
        short = lp_norm(last - state.z) <= self.precision * lp_norm(state.z - state.x)
        little = moved & (tf.where(fallen, -rise, -slope)
                          <= self.precision ** 2 * state.c * squared_norm(r))
        return state, moved, stuck | short | little | (state.i >= self.max_iter)

    def _next_c(self, state, ended):
        """For images whose descent has ended: moves the bracket of c, and begins the next descent.
        """
        lower = tf.where(ended & state.hit, tf.maximum(state.lower, state.c), state.lower)
        upper = tf.where(ended & ~state.hit, tf.minimum(state.upper, state.c), state.upper)
        between = tf.sqrt(lower * upper)
        c = tf.where(upper < np.inf, tf.where(lower > 0, between, state.c / STRIDE),
                     state.c * STRIDE)
        c = tf.where(ended, tf.clip_by_value(c, *CONSTANTS), state.c)
        return state._replace(c=c, lower=lower, upper=upper,
                              i=tf.where(ended, tf.zeros_like(state.i), state.i),
                              searched=state.searched + tf.cast(ended, tf.int32))


def shrink(search, x, found, labels):
    """The images [n, ...] between x and those found where they begin to be adversarial, as far as
    halving finds it.
    """
    def halve(trial, low, high):
        middle = (low + high) / 2.
        hit = search.evaluate(flat_x + per_image(middle, r) * r, labels)[2]
        return trial + 1, tf.where(hit, low, middle), tf.where(hit, middle, high)

    flat_x = flatten(x)
    r = flatten(found) - flat_x
    one = tf.ones(tf.shape(labels))
    _, _, high = tf.while_loop(lambda trial, low, high: trial < SHRINKINGS, halve,
                               [0, tf.zeros_like(one), one], back_prop=False)
    return tf.where(high < 1., tf.reshape(flat_x + per_image(high, r) * r, tf.shape(x)), found)


def lbfgs(model, x, y=None, targets=None, slots=SLOTS, *, max_iter=120, search_steps=30,
          tolerance=.01, precision=1e-3):
    """Minimises c ||r||^2 + the cross-entropy to the target over the box, by projected L-BFGS;
    bisects log c for the largest that succeeds. Untargeted, the loss is -log(1 - p_y).

    For model, x, y and targets see check_inputs. An image starts at its step to the linearised
    boundary, and the closest adversarial one that it has been at counts, drawn towards x as far as
    it stays adversarial. An image for which no c succeeds is returned as it is. `slots` images are
    worked on at a time. Returns Adversarial, its iterations the evaluations; raises UserError for
    an argument that cannot be used.
    """
    for name, value in (('tolerance', tolerance), ('precision', precision)):
        check_number(name, value, low_open=True)
    check_whole(max_iter=max_iter, search_steps=search_steps, slots=slots)
    inputs = check_inputs(model, x, y, targets)
    model, x, y, targets, _ = inputs
    n, labels = tf.size(y), y if targets is None else targets
    search = Search(model, x.shape[1:], targets is not None, max_iter, search_steps, tolerance,
                    precision)
    can_attack, = by_chunks(
        lambda rows: [attackable(model(tf.gather(x, rows)), tf.gather(y, rows))], n, slots)
    found = run_active(
        lambda rows: search.begin(*(tf.gather(tensor, rows) for tensor in (x, labels, can_attack))),
        search.step, ('best', 'iterations'), n, slots)
    best = tf.reshape(found['best'], tf.shape(x))
    x_adv, = by_chunks(
        lambda rows: [shrink(search, *(tf.gather(tensor, rows) for tensor in (x, best, labels)))],
        n, slots)
    return outcome(inputs, x_adv, found['iterations'])
