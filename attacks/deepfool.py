"""DeepFool, l2 (Moosavi-Dezfooli et al., CVPR 2016; [13] of the paper)."""
import collections

import tensorflow.compat.v1 as tf

from attacks.active import by_chunks, run_active
from attacks.contract import SLOTS, attackable, check_logits, check_number, finish, project_step
from attacks.targets import boundary_distances
from utils.ops import jacobian, per_image, steepest

MARGIN = 1e-4   # added to each step, so that it crosses the boundary it aims at

State = collections.namedtuple('State', 'x y attackable r iterations')


def deepfool(model, x, y, *, max_iter=500, overshoot=0.02, clip=0.1, box=True, slots=SLOTS):
    """Steps to the closest linearised boundary among all classes, chosen anew at each step, until the prediction changes.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. An image stops when the model no longer
    predicts y at x + (1 + overshoot) r. Each step is at most `clip` long in l2 (0: no limit) and, with `box`, followed by a
    projection of x + (1 + overshoot) r to [0, 1]. `slots` images are worked on at a time. Returns Adversarial; raises
    UserError for a hyper-parameter out of range.
    """
    for name, value in (('overshoot', overshoot), ('clip', clip), ('max_iter', max_iter)):
        check_number(name, value)
    check_number('slots', slots, low=1)
    check_logits(model, x, y)
    n = tf.size(y)
    can_attack, = by_chunks(lambda rows: [attackable(model(tf.gather(x, rows)), tf.gather(y, rows))], n, slots)

    def enter(rows):
        images = tf.gather(x, rows)
        return State(images, tf.gather(y, rows), tf.gather(can_attack, rows) & (max_iter > 0), tf.zeros_like(images),
                     tf.zeros_like(rows))

    def step(state):
        r = project_step(state.x, state.r + boundary_step(model, state.x + state.r, state.y, clip), overshoot, box)
        r = tf.where(state.attackable, r, state.r)
        iterations = state.iterations + tf.cast(state.attackable, tf.int32)
        fooled = ~attackable(model(state.x + (1 + overshoot) * r), state.y)
        return state._replace(r=r, iterations=iterations), fooled | ~state.attackable | (iterations >= max_iter)

    found = run_active(enter, step, ('r', 'iterations'), n, slots)
    return finish(x, found['r'], overshoot, box, found['iterations'])


def boundary_step(model, x_r, y, clip):
    """The step [n, ...] from x_r across the closest linearised boundary between y and another class, from one Jacobian."""
    logits = model(x_r)
    distances, w = boundary_distances(logits, jacobian(logits, x_r), y)
    closest = tf.one_hot(tf.argmin(distances, axis=1), int(logits.shape[1]), on_value=True, off_value=False)
    distance = tf.boolean_mask(distances, closest)
    if clip:
        distance = tf.minimum(distance, clip)
    return per_image(distance + MARGIN, x_r) * steepest(tf.boolean_mask(w, closest))
