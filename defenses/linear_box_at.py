"""Adversarial training on the linearisation with the box (Hein & Andriushchenko, NIPS 2017, section
5).
"""
from utils.ops import nll

import tensorflow.compat.v1 as tf

from attacks.linear_box import norm_or_l1
from attacks.projection import HalfSpace
from attacks.targets import lead_over_rival
from models import Training
from training.objective import classifier_alone

HELP = {
    'box_ord': 'norm of the step to the linearised boundary: l1, l2 (the released code) or linf '
               '(the paper)',
    'box_scale': 'the step goes so far of the way to the linearised boundary',
    'box_random': 'times a number from [0, 1), drawn for each image: the released code',
}


def closest_in_box(model, x, y, share, ord):
    """x moved `share` [n] of the way to the linearised boundary with the likeliest other class, a
    constant in [0, 1]: [n, ...]. A misclassified image stays.
    """
    lead = lead_over_rival(model(x), y)
    return tf.stop_gradient(HalfSpace(x, tf.gradients(lead, x)[0], ord)(share * lead))


def losses(model, x, y, noise, *, box_ord='l2', box_scale=1., box_random=True):
    """NLL of the batch with its first half moved towards the boundary (see closest_in_box); model:
    x -> logits [n, k], y [n] int32.

    The order of the images is random, and so is the half. Raises UserError for an unknown norm.
    """
    ord = norm_or_l1(box_ord)
    half = tf.shape(x)[0] // 2
    share = box_scale * tf.ones([half])
    if box_random:
        share *= noise.uniform([half], 0., 1., 'linear_box_at/share')
    mixed = tf.concat([closest_in_box(model, x[:half], y[:half], share, ord), x[half:]], axis=0)
    mixed.set_shape(x.shape)
    logits_mixed = model(mixed)

    def classifier_loss():
        return tf.reduce_mean(nll(model.trained(mixed, logits_mixed, Training(noise)), y))
    return classifier_alone(model(x), classifier_loss)
