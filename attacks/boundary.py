"""The smallest l2 perturbation, along the decision boundary: ours, in the family of FAB (Croce &
Hein, ICML 2020).

For each of the closest classes, Newton steps to its boundary (seek), and from there a descent along
the boundary (refine), in which each point is the exact projection, box included, of a mix of the
closest adversarial point so far and x, with momentum. Each step is one forward and one backward
pass. Then it begins anew from random points as far from x as the closest adversarial point: most
about half a right angle from it, every fourth anywhere, as all of FAB's are. The boundary of a ReLU
network has a local minimum on many of its pieces. Turns that are longer than the best, or on their
way to it, are dropped early, so that many can be begun.
"""
import collections

from utils.errors import check
from utils.noise import Noise
from utils.ops import lp_norm, per_image, project_box, select_class, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, largest, outcome
from attacks.inputs import check_inputs
from attacks.jacobian import jacobian
from attacks.loop import SLOTS, by_chunks, run_active
from attacks.projection import inner, project_half_space
from attacks.targets import boundary_distances, lead

MARGIN = 1e-4       # l2 length added to each step of seek, so that it crosses the boundary
FIRST_SHARE = 0.5   # how far the first trial goes from the adversarial point towards x
GROWTH = 1.5        # of that share after a trial that came closer; after a failure it is halved
MOMENTUM = 0.8      # of the last step along the boundary, added to the next trial
CONVERGED = 0.01    # a turn ends when even trials so short a way towards x have failed
ROUNDING = 1e-6     # of the largest logit at x: a lead that is smaller may be another in float64
FAR = 10.           # the margin of kappa grows with the perturbation up to this l2 norm
ANYWHERE = 4        # every so manieth restart is not near the closest adversarial point
PRUNE_STEPS = 5     # of refine, to which `prune` refers
PRUNE_FROM = 3      # what a turn may be above the best is the same before so many steps of refine
SAME = 0.1          # a turn so near the best point, of its length, goes to the same minimum

PREFIX = 'boundary'
SHARED = ()
HELP = {
    'candidates': 'classes tried, those with the closest boundaries at x (0: only refine the '
                  'given start)',
    'seek': 'Newton steps after which a class that was not reached is given up',
    'refine': 'steps along the boundary for each class',
    'overshoot': 'each Newton step goes so much further than the linearised boundary',
    'kappa': 'margin for float32: points lie so far behind the linearised boundary, relative to '
             'their distance from x',
    'restarts': 'random points from which the boundary is sought again',
    'prune': 'drop a turn whose distance after 5 steps of refine is above so many times the best; '
             'what it may be above falls with the square of the steps, from 3 on; and one that '
             'comes to the best point from further away (0: drop none)',
}

# x to targets: the image, and the classes to try in turn. turn: the one at work, -1 for x_init,
# those after the last class for the restarts; seeking, steps: its phase and the steps of it. z: the
# point looked at next; corrected: it is the correction of a trial; share: how far a trial goes from
# base towards x, and how much too far a correction goes; drift: the last step from base to base, 0
# after a trial that failed. base, w, gap, length: the closest adversarial point of this turn, g and
# its gradient there, and the distance from x; slack: how far g must be below 0.
State = collections.namedtuple(
    'State', 'x label attackable targets turn seeking steps z corrected share drift slack base w '
    'gap length best best_length iterations')


class _Walk(object):
    """One image's way from class to class; every image for itself."""

    def __init__(self, model, targeted, directions, seek, refine, overshoot, kappa, prune):
        self._model, self._targeted, self._directions = model, targeted, directions
        self._seek, self._refine = seek, refine
        self._overshoot, self._kappa, self._prune = overshoot, kappa, prune

    def begin(self, x, start, label, attackable, targets, slack, turn):
        """The State of images x [b, ...] before their first step, which looks at `start`."""
        def fill(value):
            return tf.fill(tf.shape(label), value)

        return State(
            x, label, attackable, targets, turn=fill(turn), seeking=fill(True), steps=fill(0),
            z=start, corrected=fill(False), share=fill(FIRST_SHARE), drift=tf.zeros_like(x),
            slack=slack, base=x, w=tf.zeros_like(x), gap=fill(0.), length=fill(np.inf), best=x,
            best_length=fill(np.inf), iterations=fill(0))

    def step(self, state):
        """One step of each image: (state, done [b])."""
        gap, w, adversarial = self._look(state)
        length = lp_norm(state.z - state.x)
        reached = state.seeking & adversarial
        closer = ~state.seeking & adversarial & (length < state.length)
        correct = ~state.seeking & ~adversarial & ~state.corrected
        taken = reached | closer
        better = taken & (length < state.best_length)
        none = tf.zeros_like(state.drift)
        state = state._replace(
            seeking=state.seeking & ~adversarial,
            steps=tf.where(reached, tf.zeros_like(state.steps), state.steps + 1),
            share=next_share(state, reached, closer, correct),
            drift=tf.where(closer, state.z - state.base, tf.where(correct, state.drift, none)),
            base=tf.where(taken, state.z, state.base),
            w=tf.where(taken, w, state.w),
            gap=tf.where(taken, gap, state.gap),
            length=tf.where(taken, length, state.length),
            best=tf.where(better, state.z, state.best),
            best_length=tf.where(better, length, state.best_length),
            iterations=state.iterations + tf.cast(state.attackable, tf.int32))
        state = self._next_turn(self._next_point(state, gap, w, length, correct))
        return state, ~state.attackable | (state.turn >= self._turns(state))

    def _turns(self, state):
        return int(state.targets.shape[1]) + int(self._directions.shape[0])

    def _look(self, state):
        """g at z, its gradient, and whether z is adversarial: g < -slack.

        g [b] is the lead of the label over the best other class, or how far the target is behind
        it. Until an untargeted image is adversarial, g is the lead over the class of this turn, if
        it has one.
        """
        logits = self._model(state.z)
        ahead = lead(logits, state.label)
        gap = -ahead if self._targeted else ahead
        adversarial = gap < -state.slack
        if not self._targeted:
            towards = select_class(logits, select_class(state.targets, state.turn))
            aimed = state.seeking & ~adversarial & (state.turn < int(state.targets.shape[1]))
            gap = tf.where(aimed, select_class(logits, state.label) - towards, gap)
        return gap, tf.gradients(gap, state.z)[0], adversarial

    def _next_point(self, state, gap, w, length, correct):
        """Sets z: a Newton step or a correction from where it is, or a trial from base."""
        here = state.seeking | correct
        trial = state.base + per_image(state.share, state.x) * (state.x - state.base)
        p = tf.where(here, state.z, project_box(trial + MOMENTUM * state.drift))
        anchor = tf.where(here, state.z, state.base)
        w = tf.where(here, w, state.w)
        gap = tf.where(here, gap, state.gap)
        length = tf.where(here, length, state.length)
        margin = self._kappa * tf.minimum(length, FAR) * lp_norm(w)
        beyond = tf.where(state.seeking, self._overshoot * gap + MARGIN * lp_norm(w),
                          tf.where(correct, state.share * gap + margin, margin))
        fall = gap + state.slack + beyond + inner(w, p - anchor)
        return state._replace(z=project_half_space(p, w, fall), corrected=correct)

    def _next_turn(self, state):
        """Where a turn is over, the next class is sought from x, or any from a random point."""
        classes = int(state.targets.shape[1])
        seek = tf.where(state.turn < 0, tf.zeros_like(state.turn), self._seek + 0 * state.turn)
        refined = (state.steps >= self._refine) | (state.share < CONVERGED)
        over = tf.where(state.seeking, state.steps > seek, refined)
        if self._prune:
            over |= self._hopeless(state)
        turn = state.turn + tf.cast(over, tf.int32)
        lost = (turn >= classes) & ~tf.is_finite(state.best_length)
        turn = tf.where(lost, tf.fill(tf.shape(turn), self._turns(state)), turn)
        return state._replace(
            turn=turn,
            seeking=state.seeking | over,
            steps=tf.where(over, tf.zeros_like(turn), state.steps),
            z=tf.where(over, self._start(state, turn - classes), state.z),
            corrected=state.corrected & ~over)

    def _hopeless(self, state):
        """[b] bool: the turn is too long for its steps, or on its way to the best point."""
        steps = tf.where(state.seeking, tf.zeros_like(state.steps), state.steps)
        early = tf.cast(tf.maximum(steps, PRUNE_FROM), tf.float32)
        worst = 1 + (self._prune - 1) * tf.square(PRUNE_STEPS / early)
        length = tf.where(state.seeking, lp_norm(state.z - state.x), state.length)
        near = lp_norm(state.base - state.best) < SAME * state.best_length
        same = near & (steps >= PRUNE_FROM) & (state.length > state.best_length)
        return same | (length > worst * state.best_length)

    def _start(self, state, restart):
        """Where a turn begins: x, or for restart [b] >= 0 a point as far from x as the closest, in
        a random direction or between that and the closest.
        """
        count = int(self._directions.shape[0])
        if not count:
            return state.x
        direction = tf.gather(self._directions, tf.clip_by_value(restart, 0, count - 1))
        between = steepest(steepest(state.best - state.x) + direction)
        direction = tf.where(tf.equal(restart % ANYWHERE, ANYWHERE - 1), direction, between)
        again = (restart >= 0) & tf.is_finite(state.best_length)
        length = tf.where(again, state.best_length, tf.zeros_like(state.best_length))
        return project_box(state.x + per_image(length, direction) * direction)


def next_share(state, reached, closer, correct):
    """The share of the next trial: grown after one that came closer by itself, halved after one
    that did not, its correction included.
    """
    grown = tf.where(state.corrected, state.share, tf.minimum(GROWTH * state.share, 1.))
    failed = ~state.seeking & ~closer & ~correct
    share = tf.where(closer, grown, tf.where(failed, state.share / 2, state.share))
    return tf.where(reached, tf.fill(tf.shape(share), FIRST_SHARE), share)


def boundary(model, x, y=None, targets=None, x_init=None, slots=SLOTS, noise=None, *, candidates=9,
             seek=10, refine=40, overshoot=.02, kappa=1e-3, restarts=5, prune=1.45):
    """The closest adversarial point over all starts: the `candidates` closest classes, x_init, and
    random points around x.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. Untargeted, or
    towards `targets` [n] int32. `x_init` [n, ...] in [0, 1] is a start for each image, such as
    what another attack found: where it is adversarial it is refined first, elsewhere ignored. An
    image for which nothing is found is returned as it is. `noise` (a utils.noise.Noise) draws the
    directions of the `restarts`, the same for all images; without candidates there are none.
    `slots` images are worked on at a time. Returns Adversarial; raises UserError for a
    hyper-parameter out of range.
    """
    for name, value in (('candidates', candidates), ('overshoot', overshoot), ('kappa', kappa),
                        ('restarts', restarts), ('prune', prune)):
        check_number(name, value)
    for name, value in (('seek', seek), ('refine', refine), ('slots', slots)):
        check_number(name, value, low=1)
    check(candidates > 0 or x_init is not None,
          'candidates is 0 without x_init; expected at least one start')
    inputs = check_inputs(model, x, y, targets)
    model, x, y, targets, logits = inputs
    k = int(logits.shape[1])
    n = tf.size(y)
    shape = [restarts if candidates else 0] + x.shape.as_list()[1:]
    directions = steepest((noise or Noise(0)).normal(shape, 1., 'boundary/restarts'))
    walk = _Walk(model, targets is not None, directions, seek, refine, overshoot, kappa, prune)

    def prepare(rows):
        images = tf.gather(x, rows)
        labels = tf.gather(y, rows)
        logits = model(images)
        right = attackable(logits, labels)
        slack = ROUNDING * largest(logits)
        if targets is not None:
            return [right, tf.gather(targets, rows)[:, tf.newaxis][:, :candidates], slack]
        distances, _ = boundary_distances(logits, jacobian(logits, images), labels)
        return [right, tf.nn.top_k(-distances, min(candidates, k - 1))[1], slack]

    label = y if targets is None else targets
    parts = [x, x if x_init is None else x_init, label] + by_chunks(prepare, n, slots)

    def enter(rows):
        return walk.begin(*(tf.gather(part, rows) for part in parts),
                          turn=0 if x_init is None else -1)

    found = run_active(enter, walk.step, ('best', 'iterations'), n, slots)
    return outcome(inputs, found['best'], found['iterations'])
