"""DeepFool, l2 (Moosavi-Dezfooli et al., CVPR 2016; [13] of the paper)."""
import collections

from utils.errors import check
from utils.ops import jacobian, per_image, steepest

import tensorflow.compat.v1 as tf

from attacks.contract import SLOTS, attackable, check_logits, check_number, finish, project_step
from attacks.loop import by_chunks, run_active
from attacks.targets import boundary_distances

MARGIN = 1e-4   # added to each step, so that it crosses the boundary it aims at

State = collections.namedtuple('State', 'x y classes attackable r iterations')


def deepfool(model, x, y, *, max_iter=500, overshoot=0.02, clip=0.1, box=True, candidates=None,
             slots=SLOTS):
    """Steps to the closest linearised boundary among all classes, chosen anew at each step, until
    the prediction changes.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. An image stops when
    the model no longer predicts y at x + (1 + overshoot) r. Each step is at most `clip` long in l2
    (0: no limit) and, with `box`, followed by a projection of x + (1 + overshoot) r to [0, 1].
    Boundaries to the `candidates` classes that are most likely at x count, y among them (None: to
    all). `slots` images are worked on at a time. Returns Adversarial; raises UserError for a
    hyper-parameter out of range.
    """
    for name, value in (('overshoot', overshoot), ('clip', clip), ('max_iter', max_iter)):
        check_number(name, value)
    check_number('slots', slots, low=1)
    k = int(check_logits(model, x, y).shape[1])
    check(candidates is None or 2 <= candidates, 'candidates is %s; expected at least 2',
          candidates)
    n = tf.size(y)

    def begin(rows):
        logits = model(tf.gather(x, rows))
        return attackable(logits, tf.gather(y, rows)), tf.nn.top_k(logits, min(candidates or k,
                                                                               k)).indices

    can_attack, classes = by_chunks(begin, n, slots)

    def enter(rows):
        images = tf.gather(x, rows)
        return State(images, tf.gather(y, rows), tf.gather(classes, rows),
                     tf.gather(can_attack, rows) & (max_iter > 0), tf.zeros_like(images),
                     tf.zeros_like(rows))

    def step(state):
        r_i = boundary_step(model, state.x + state.r, state.classes, clip)
        r = project_step(state.x, state.r + r_i, overshoot, box)
        r = tf.where(state.attackable, r, state.r)
        iterations = state.iterations + tf.cast(state.attackable, tf.int32)
        fooled = ~attackable(model(state.x + (1 + overshoot) * r), state.y)
        return state._replace(
            r=r, iterations=iterations), fooled | ~state.attackable | (iterations >= max_iter)

    found = run_active(enter, step, ('r', 'iterations'), n, slots)
    return finish(x, found['r'], overshoot, box, found['iterations'])


def boundary_step(model, x_r, classes, clip):
    """The step [n, ...] from x_r across the closest linearised boundary, from one Jacobian.

    classes [n, c] int32: the boundaries are those between the first class of each image, its label,
    and the others.
    """
    logits = model(x_r)
    chosen = tf.one_hot(classes, int(logits.shape[1]))
    logits = tf.reduce_sum(chosen * tf.expand_dims(logits, 1), axis=2)
    distances, w = boundary_distances(logits, jacobian(logits, x_r), tf.zeros_like(classes[:, 0]))
    closest = tf.one_hot(tf.argmin(distances, axis=1), int(logits.shape[1]), on_value=True,
                         off_value=False)
    distance = tf.boolean_mask(distances, closest)
    if clip:
        distance = tf.minimum(distance, clip)
    return per_image(distance + MARGIN, x_r) * steepest(tf.boolean_mask(w, closest))
