"""Universal perturbations as an attack: those of a generator (NAG, Mopuri et al., CVPR 2018), or
any others, on whatever model.

It is no entry of ATTACKS: test.py has no perturbations to hand it, test.py --universal measures
them.
"""
from utils.errors import check
from utils.ops import project_box

import tensorflow.compat.v1 as tf

from attacks.contract import attackable, outcome
from attacks.inputs import as_tensor, check_inputs


def nag(model, x, y=None, delta=None, *, box=True):
    """x + delta, with the first of the perturbations delta [m, ...] under which the model does not
    predict y; the last of them where all fail.

    For model, x and y see check_inputs; delta: a tensor or an array, such as a
    models.generator.Generator's or deltas.npz of test.py --universal. With `box`, the result is
    projected to [0, 1]. The iterations are the perturbations that were tried. Returns Adversarial;
    raises UserError for an argument that cannot be used.
    """
    inputs = check_inputs(model, x, y, box=box, gradient=False)
    delta = tf.cast(as_tensor('delta', () if delta is None else delta), tf.float32)
    check(delta.shape[1:].is_compatible_with(inputs.x.shape[1:]) and
          delta.shape.ndims == inputs.x.shape.ndims, 'delta has shape %s; expected [m] and the '
          'shape of an image, %s', delta.shape, inputs.x.shape.as_list()[1:])
    active = attackable(inputs.logits, inputs.y)

    def moved(number):
        x_adv = inputs.x + delta[number]
        return project_box(x_adv) if box else x_adv

    def attempt(number, x_adv, iterations, active):
        x_adv = tf.where(active, moved(number), x_adv)
        iterations += tf.cast(active, tf.int32)
        return number + 1, x_adv, iterations, active & attackable(inputs.model(x_adv), inputs.y)

    _, x_adv, iterations, _ = tf.while_loop(
        lambda number, unused_x, unused_i, active: (number < tf.shape(delta)[0]) &
        tf.reduce_any(active), attempt,
        (tf.constant(0), inputs.x, tf.zeros_like(inputs.y), active))
    return outcome(inputs, x_adv, iterations)
