"""DeepFool, l2 and l_inf (Moosavi-Dezfooli et al., CVPR 2016; [13] of the paper)."""
from utils.errors import check
from utils.ops import norm, per_image, steepest

import tensorflow.compat.v1 as tf

from attacks.contract import (
    attackable,
    check_number,
    check_whole,
    finish,
    outcome,
    project_step,
)
from attacks.inputs import check_inputs
from attacks.jacobian import jacobian
from attacks.loop import SLOTS, perturb
from attacks.targets import boundary_distances

MARGIN = 1e-4   # added to each step, so that it crosses the boundary it aims at
SHARED = ('max_iter', 'overshoot', 'clip', 'box', 'candidates')
HELP = {'ord': 'norm in which boundaries are close: l2 or linf'}


def deepfool(model, x, y=None, slots=SLOTS, *, max_iter=500, overshoot=0.02, clip=0.1, box=True,
             candidates: int = None, ord: norm = 2):
    """Steps to the closest linearised boundary among all classes, chosen anew at each step, until
    the prediction changes.

    For model, x and y see check_inputs. An image stops when the model no longer predicts y at x +
    (1 + overshoot) r. Each step is at most `clip` long in the norm `ord`, 2 or inf (0: no limit)
    and, with `box`, followed by a projection of x + (1 + overshoot) r to [0, 1]. Boundaries to the
    `candidates` classes that are most likely at x count, y among them (None: to all). `slots`
    images are worked on at a time. Returns Adversarial; raises UserError for an argument that
    cannot be used.
    """
    ord = norm(ord)
    check_number('overshoot', overshoot)
    check_number('clip', clip)
    check_whole(0, max_iter=max_iter)
    check_whole(slots=slots)
    check(candidates is None or 2 <= candidates, 'candidates is %s; expected at least 2',
          candidates)
    inputs = check_inputs(model, x, y, box=box)
    model, x, y, _, logits = inputs
    k = int(logits.shape[1])

    def prepare(unused_rows, unused_x, unused_y, logits):
        return [tf.nn.top_k(logits, min(candidates or k, k)).indices]

    def step(x, y, r, classes):
        r += boundary_step(model, x + r, classes, clip, ord)
        r = project_step(x, r, overshoot, box)
        fooled = ~attackable(model(x + (1 + overshoot) * r), y)
        return r, tf.ones_like(fooled), fooled

    r, iterations = perturb(model, x, y, prepare, step, max_iter=max_iter, slots=slots)
    return outcome(inputs, finish(x, r, overshoot, box), iterations)


def boundary_step(model, x_r, classes, clip, ord=2):
    """The step [n, ...] from x_r across the closest linearised boundary, from one Jacobian.

    classes [n, c] int32: the boundaries are those between the first class of each image, its label,
    and the others. Closest, and at most `clip` long, is meant in the norm `ord`. An image with no
    boundary at a finite distance stays.
    """
    logits = model(x_r)
    jac = jacobian(logits, x_r, classes)
    chosen = tf.gather(logits, classes, axis=1, batch_dims=1)
    distances, w = boundary_distances(chosen, jac, tf.zeros_like(classes[:, 0]), ord)
    closest = tf.one_hot(tf.argmin(distances, axis=1), int(chosen.shape[1]), on_value=True,
                         off_value=False)
    distance = tf.boolean_mask(distances, closest)
    distance = tf.where(tf.is_finite(distance), distance, tf.zeros_like(distance))
    if clip:
        distance = tf.minimum(distance, clip)
    return per_image(distance + MARGIN, x_r) * steepest(tf.boolean_mask(w, closest), ord)
