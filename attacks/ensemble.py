"""Several attacks, each of them refined along the boundary by another: the closest point of all.

An attack is as good as the best one that was run, so what a defense withstands is told by the
smallest perturbation over attacks of different kinds.
"""
from utils.errors import check
from utils.ops import lp_norm, prediction, project_box

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.boundary import boundary
from attacks.contract import attackable, check_number, outcome
from attacks.ddn import ddn
from attacks.deepfool import deepfool
from attacks.high_confidence import high_confidence
from attacks.inputs import check_inputs
from attacks.loop import SLOTS, by_chunks

# Which attacks, in this order; and what of their hyper-parameters is not the default.
FUNCTIONS = (deepfool, high_confidence, boundary, ddn)
SETTINGS = {'boundary': {'prune': 0.}}
MEMBER_FLAGS = {'%s_%s' % (name, key): value   # the same as flags of test.py
                for name, settings in SETTINGS.items() for key, value in settings.items()}
MEMBERS = tuple(function.__name__ for function in FUNCTIONS)

PREFIX = 'ensemble'
SHARED = ()
HELP = {'refine': "steps along the boundary from each member's image"}


def ensemble(model, x, y=None, found=None, slots=SLOTS, noise=None, *, refine=40):
    """The closest adversarial image [n, ...] over the members' and those that boundary's
    refinement makes of them.

    For model, x and y see check_inputs. `found`: the members' images, a list of [n, ...], projected
    to [0, 1] and used where they are adversarial; without it the attacks of MEMBERS are run, DDN
    and the restarts of boundary with `noise`. An image for which nothing is found is returned as it
    is. `iterations` are the steps of the refinement. Returns Adversarial; raises UserError for an
    argument that cannot be used.
    """
    check_number('refine', refine, low=1)
    check_number('slots', slots, low=1)
    inputs = check_inputs(model, x, y)
    model, x, y, _, _ = inputs
    check(found is None or len(found), 'found is empty; expected the images of one attack or more')
    if found is None:
        found = [member_images(function, inputs, slots, noise) for function in FUNCTIONS]
    m = len(found)
    starts = project_box(tf.concat(found, axis=0))
    several = [m] + [1] * (x.shape.ndims - 1)
    images = tf.tile(x, several)
    labels = tf.tile(y, [m])
    refined = boundary(model, images, labels, x_init=starts, slots=slots, candidates=0,
                       refine=refine)
    n = tf.size(y)
    both = tf.concat([starts, refined.x_adv], axis=0)

    def lengths(rows):
        moved = tf.gather(both, rows)
        clean = tf.gather(x, rows % n)
        label = tf.gather(y, rows % n)
        fooled = ~tf.equal(prediction(model(moved)), label)
        right = attackable(model(clean), label)
        never = tf.fill(tf.shape(rows), np.inf)
        return [tf.where(fooled, lp_norm(moved - clean), never), right]

    length, right = by_chunks(lengths, 2 * m * n, slots)
    length = tf.reshape(length, [2 * m, n])
    best = tf.argmin(length, axis=0, output_type=tf.int32)
    reached = tf.is_finite(tf.reduce_min(length, axis=0)) & right[:n]
    x_adv = tf.where(reached, tf.gather(both, best * n + tf.range(n)), x)
    steps = tf.reduce_sum(tf.reshape(refined.iterations, [m, n]), axis=0)
    return outcome(inputs, x_adv, steps)


def member_images(function, inputs, slots, noise):
    """What one of MEMBERS makes of the images: [n, ...]."""
    settings = dict(SETTINGS.get(function.__name__, {}))
    if function in (boundary, ddn):
        settings.update(noise=noise)
    return function(inputs.model, inputs.x, inputs.y, slots=slots, **settings).x_adv


def with_members(names):
    """Names of attacks, each once; where the ensemble is among them its members are too, and it is
    the last.
    """
    names = list(dict.fromkeys(names))
    if 'ensemble' not in names:
        return names
    names.remove('ensemble')
    return [name for name in MEMBERS if name not in names] + names + ['ensemble']
