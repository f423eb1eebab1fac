"""Which class the attack A_f aims at (section 4): chosen once, at x."""
from utils.ops import class_norms, lp_norm, mask_class, prediction, select_class

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.jacobian import jacobian

DUAL = {1: np.inf, 2: 2, np.inf: 1}
AIMS = ('least_likely', 'random', 'all', 'each')   # classes that test.py aims at


def boundary_distances(logits, jac, y, ord=2):
    """Linearised distance to the boundary between y and each class, |f_k - f_y| / ||grad f_k - grad
    f_y||_q; infinite for y.

    logits [n, k], jac [n, k, ...], y [n] int32 -> distances [n, k] and the differences of gradients
    w [n, k, ...]. q is the dual of `ord`: 2 for 2, 1 for inf, inf for 1.
    """
    k = int(logits.shape[1])
    one_hot = tf.one_hot(y, k, dtype=logits.dtype)
    grad_y = tf.reduce_sum(jac * tf.reshape(one_hot, [-1, k] + [1] * (jac.shape.ndims - 2)), axis=1,
                           keepdims=True)
    w = jac - grad_y
    f = logits - tf.expand_dims(select_class(logits, y), 1)
    distances = tf.abs(f) / tf.maximum(class_norms(w, DUAL[ord]), 1e-12)
    return mask_class(distances, y, np.inf), w


def lead(logits, classes):
    """By how much a class leads the best of the others: [n, k], [n] int32 -> [n]."""
    others = tf.reduce_max(mask_class(logits, classes), axis=1)
    return select_class(logits, classes) - others


def lead_over_rival(logits, y):
    """lead, with the strongest other class held fixed: its gradient is that class's alone, where
    two are equal too.
    """
    rival = prediction(mask_class(logits, y))
    return select_class(logits, y) - select_class(logits, rival)


def closest_targets(logits, x, y, ord=2):
    """The class with the closest decision boundary, from one Jacobian at x (section 4, after [13]):
    [n] int32.
    """
    distances, _ = boundary_distances(logits, jacobian(logits, x), y, ord)
    return tf.argmin(distances, axis=1, output_type=tf.int32)


def sampled_targets(logits, y, noise, uniform=False):
    """A class other than y, drawn from the softmax of the logits with y masked, or uniformly: [n]
    int32.
    """
    scores = tf.zeros_like(logits) if uniform else logits
    return noise.categorical(mask_class(scores, y), 'attack/target')


def smoothed_targets(targets, y, num_classes, smoothing, noise):
    """`targets` with probability 1 - smoothing, else one of the other classes but y, all alike: [n]
    int32.
    """
    is_target = tf.one_hot(targets, num_classes)
    is_other = 1. - is_target - tf.one_hot(y, num_classes)
    p = (1. - smoothing) * is_target + smoothing / max(num_classes - 2, 1) * is_other
    return noise.categorical(tf.log(p), 'attack/smoothed_target')


def every_class(attack, model, x, y, **settings):
    """`attack` towards each class but y in turn: (the closest image that reached its class
    [n, ...], x where none was reached; all of its steps [n] int32).

    attack: takes `targets`; x [n, ...], y [n] int32.
    """
    n = tf.size(y)
    k = int(model(x).shape[1])
    turns = tf.reshape(tf.range(1, k), [k - 1, 1])
    targets = tf.reshape((y + turns) % k, [-1])
    images = tf.tile(x, [k - 1] + [1] * (x.shape.ndims - 1))
    found = attack(model, images, tf.tile(y, [k - 1]), targets=targets, **settings)
    length = lp_norm(found.x_adv - images)
    never = tf.fill(tf.shape(length), np.inf)
    length = tf.reshape(tf.where(found.success, length, never), [k - 1, n])
    best = tf.argmin(length, axis=0, output_type=tf.int32) * n + tf.range(n)
    reached = tf.is_finite(tf.reduce_min(length, axis=0))
    x_adv = tf.where(reached, tf.gather(found.x_adv, best), x)
    return x_adv, tf.reduce_sum(tf.reshape(found.iterations, [k - 1, n]), axis=0)


def aims(how, logits, y, *, index, rows):
    """The targets [n] int32 of images with these logits [n, k], labels and places in the dataset:
    the class with the least logit; any class but y, drawn for each place; or each class but y, for
    an image that stands in k - 1 `rows` of the test, one after the other.
    """
    others = np.where(np.arange(logits.shape[1]) == y[:, np.newaxis], np.inf, logits)
    if how == 'least_likely':
        return np.int32(others.argmin(axis=1))
    k = logits.shape[1]
    steps = (1 + rows % (k - 1) if how == 'each' else
             [np.random.RandomState(place).randint(1, k) for place in index])
    return np.int32((y + np.int32(steps)) % k)
