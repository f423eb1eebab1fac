"""Tensor helpers: the only place that computes a norm or projects to the box.

Throughout, `x` is [n, h, w, c] float32 in [0, 1], logits are [n, k], classes are [n] int32, and n
may be unknown.
"""
from utils.errors import check

import numpy as np
import tensorflow.compat.v1 as tf

BOX = (0., 1.)
SUPPORTED_NORMS = (2, np.inf)
ORDS = {'l2': 2, 'linf': np.inf}   # by the names that flags have


def norm(ord, name='ord'):
    """2 or inf, of a norm given so or by its name, l2 or linf; raises UserError for another."""
    known = dict(ORDS, **{str(value): value for value in SUPPORTED_NORMS})
    check(str(ord) in known, '%s is %r; expected one of %s', name, ord, ', '.join(sorted(known)))
    return known[str(ord)]


def prediction(logits):
    """The predicted class of each image: [n, k] logits -> [n] int32."""
    return tf.argmax(logits, axis=1, output_type=tf.int32)


def confidence(logits):
    """The probability of the predicted class: [n, k] logits -> [n] in (0, 1]."""
    return tf.exp(tf.reduce_max(tf.nn.log_softmax(logits), axis=1))


def select_class(values, classes):
    """values[i, classes[i]] for each image i: [n, k], which may be infinite, [n] int32 -> [n]."""
    chosen = tf.where(is_class(values, classes), values, tf.zeros_like(values))
    return tf.reduce_sum(chosen, axis=1)


def is_class(values, classes):
    """Where values [n, k] stand for `classes` [n] int32: [n, k] bool."""
    k = int(values.shape[1])
    return tf.one_hot(classes, k, on_value=True, off_value=False, dtype=tf.bool)


def mask_class(values, classes, value=-np.inf):
    """`values` with `value` in place of each image's own class: [n, k], [n] int32 -> [n, k]."""
    masked = tf.fill(tf.shape(values), tf.constant(value, values.dtype))
    return tf.where(is_class(values, classes), masked, values)


def nll(logits, y):
    """Negative log-likelihood of the labels: [n, k], [n] int32 -> [n]."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)


def per_image(values, like):
    """Reshapes [n] so that it broadcasts against `like`, [n, ...]."""
    return tf.reshape(values, [-1] + [1] * (like.shape.ndims - 1))


def squared_norm(r):
    """Squared l2 norm of each perturbation: [n, ...] -> [n]."""
    return tf.reduce_sum(tf.square(r), axis=list(range(1, r.shape.ndims)))


def lp_norm(r, ord=2, epsilon=0.):
    """Norm of each perturbation: [n, ...] -> [n]. ord is 1, 2 or inf; epsilon goes under the square
    root of the l2 norm.
    """
    axes = list(range(1, r.shape.ndims))
    if ord == 2:
        return tf.sqrt(epsilon + squared_norm(r))
    if ord == 1:
        return tf.reduce_sum(tf.abs(r), axis=axes)
    if ord == np.inf:
        return tf.reduce_max(tf.abs(r), axis=axes)
    raise ValueError('ord is %r; expected 1, 2 or inf' % (ord,))


def class_norms(w, ord=2):
    """Norm of each class's gradient: [n, k, ...] -> [n, k]."""
    norms = lp_norm(tf.reshape(w, tf.concat([[-1], tf.shape(w)[2:]], axis=0)), ord)
    return tf.reshape(norms, [-1, int(w.shape[1])])


def project_box(x):
    """The nearest image with every pixel in [0, 1]."""
    return tf.clip_by_value(x, *BOX)


def project_ball(r, epsilon, ord=2):
    """The perturbations [n, ...] brought back, where they are longer, to norm `epsilon`, a number
    or [n].
    """
    bound = per_image(tf.convert_to_tensor(epsilon, r.dtype), r)
    if ord == np.inf:
        return tf.clip_by_value(r, -bound, bound)
    return r * tf.minimum(1., bound / tf.maximum(per_image(lp_norm(r, ord), r), 1e-12))


def steepest(w, ord=2):
    """The direction of unit norm with the largest inner product with w: w / ||w||_2, or sign(w) for
    l_inf; [n, ...] -> same.
    """
    if ord == np.inf:
        return tf.sign(w)
    return w / per_image(tf.maximum(lp_norm(w, 2), 1e-12), w)


def masked_mean(values, mask):
    """Mean of values [n] over the images where mask [n] holds; 0, with gradient 0, where it holds
    nowhere.
    """
    chosen = tf.where(mask, values, tf.zeros_like(values))
    return tf.reduce_sum(chosen) / tf.maximum(tf.reduce_sum(tf.cast(mask, values.dtype)), 1.)


def share(mask):
    """Fraction of the images for which mask [n] holds."""
    return tf.reduce_mean(tf.cast(mask, tf.float32))
