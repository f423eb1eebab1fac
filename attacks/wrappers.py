"""Any attack on images in other bounds than [0, 1], and on NumPy arrays in one call."""
import functools
import re

from utils.errors import UserError, check

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import Adversarial
from attacks.inputs import ANY_FLOAT, as_tensor, within


def in_bounds(attack, low=0., high=255., preprocess=None):
    """The attack for a model of preprocess(images), the images' pixels in [low, high].

    low, high: numbers, or arrays that broadcast against an image, such as one number a channel.
    Images may be integers. The attack sees (x - low) / (high - low): its lengths, such as epsilon,
    clip and radius, are shares of the range. Returns a function of (model, x, y, the attack's other
    arguments by name), whose x_adv lies in [low, high] as float32; a pixel that the attack leaves
    is left to the bit. Raises UserError for bounds that are no range, else as the attack.
    """
    low = np.asarray(low, np.float32)
    high = np.asarray(high, np.float32)
    check(np.isfinite(high - low).all() and (low < high).all(),
          'low is %s and high %s; expected finite numbers, low below high', low, high)
    preprocess = preprocess or (lambda images: images)

    def to_unit(name, images, box):
        images = tf.cast(as_tensor(name, images), tf.float32)
        images = within(name, images, *((low, high) if box else ANY_FLOAT))
        return images, (images - low) / (high - low)

    @functools.wraps(attack)
    def rescaled(model, x, y=None, **settings):
        box = settings.get('box', True)
        x, unit = to_unit('x', x, box)
        if settings.get('x_init') is not None:
            settings['x_init'] = to_unit('x_init', settings['x_init'], box)[1]
        found = attack(lambda images: model(preprocess(low + (high - low) * images)), unit, y,
                       **settings)
        x_adv = low + (high - low) * found.x_adv
        x_adv = tf.minimum(tf.maximum(x_adv, low), high) if box else x_adv
        return found._replace(x_adv=tf.where(tf.equal(found.x_adv, unit), x, x_adv))

    return rescaled


def attack_arrays(attack, model, x, y=None, session=None, **settings):
    """Attacks NumPy arrays in one call: Adversarial of arrays.

    attack: one of ATTACKS, or what in_bounds makes of one; x [n, ...], y [n], and the attack's
    other arguments by name. Where TensorFlow is eager the call is made in a tf.function, in graph
    mode in `session`, by default the open one or else Keras's. Every call builds the attack anew;
    for many batches build it once (README.md). Raises UserError for an argument that cannot be
    used.
    """
    try:
        if tf.executing_eagerly():
            found = tf.function(lambda: attack(model, x, y, **settings), autograph=False)()
            return Adversarial(*(part.numpy() for part in found))
        session = session or tf.get_default_session() or keras_session()
        with session.graph.as_default():
            return session.run(attack(model, x, y, **settings))
    except tf.errors.InvalidArgumentError as error:
        said = re.search(r'assertion failed: \[(.*?)\](?:\s|$)', str(error), re.S)
        if said is None:
            raise
    raise UserError(said.group(1))


def keras_session():
    """The session that Keras's weights are in under TensorFlow 1."""
    backend = getattr(getattr(tf, 'keras', None), 'backend', None)
    check(hasattr(backend, 'get_session'), 'session is None and none is open; expected the '
          "tf.Session that holds the model's weights")
    return backend.get_session()
