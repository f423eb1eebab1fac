"""DeepFool, l2 (Moosavi-Dezfooli et al., CVPR 2016; [13] of the paper)."""
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_logits, check_number
from attacks.high_confidence import finish
from attacks.targets import boundary_distances
from utils.ops import jacobian, per_image, prediction, project_box, steepest

MARGIN = 1e-4   # added to each step, so that it crosses the boundary it aims at


def deepfool(model, x, y, *, max_iter=500, overshoot=0.02, clip=0.1, box=True):
    """Steps to the closest linearised boundary among all classes, chosen anew at each step, until the prediction changes.

    model: x -> logits [n, k]; x [n, ...] in [0, 1]; y [n] int32, the labels. An image stops when the model no longer
    predicts y at x + (1 + overshoot) r. Each step is at most `clip` long in l2 (0: no limit) and, with `box`, followed by a
    projection of x + (1 + overshoot) r to [0, 1]. Returns Adversarial; raises UserError for a hyper-parameter out of range.
    """
    for name, value in (('overshoot', overshoot), ('clip', clip), ('max_iter', max_iter)):
        check_number(name, value)

    def step(r):
        x_r = x + r
        logits = model(x_r)
        distances, w = boundary_distances(logits, jacobian(logits, x_r), y)
        closest = tf.one_hot(tf.argmin(distances, axis=1), int(logits.shape[1]), on_value=True, off_value=False)
        distance = tf.boolean_mask(distances, closest)
        w = tf.boolean_mask(w, closest)
        if clip:
            distance = tf.minimum(distance, clip)
        return per_image(distance + MARGIN, r) * steepest(w)

    def body(i, r, active, iterations):
        active = active & tf.equal(prediction(model(x + (1 + overshoot) * r)), y)
        r_next = r + step(r)
        if box:
            r_next = (project_box(x + (1 + overshoot) * r_next) - x) / (1 + overshoot)
        return i + 1, tf.where(active, r_next, r), active, iterations + tf.cast(active, tf.int32)

    _, r, _, iterations = tf.while_loop(
        lambda i, r, active, iterations: (i < max_iter) & tf.reduce_any(active), body,
        [0, tf.zeros_like(x), attackable(check_logits(model, x, y), y), tf.zeros_like(y)], back_prop=False)
    return finish(x, r, overshoot, box, iterations)
