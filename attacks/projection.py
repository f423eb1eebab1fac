"""The exact l2 projection on the part of the box that lies beyond a hyperplane.

The boundary attack takes it at each step; it is also the step of the attack on the linearisation
with the box (Hein & Andriushchenko, NIPS 2017, section 4).
"""
from utils.ops import BOX, per_image, project_box

import numpy as np
import tensorflow.compat.v1 as tf


def inner(w, v):
    """Inner product with each image's own normal: [n, ...], [n, ...] -> [n]."""
    return tf.reduce_sum(w * v, axis=list(range(1, w.shape.ndims)))


def project_half_space(p, w, fall):
    """The image v in [0, 1] nearest to p, in l2, whose w v is at least `fall` below w p.

    p [n, ...] in [0, 1], the normals w [n, ...], fall [n] -> v [n, ...], in the dtype of p. Where
    `fall` is not positive, v is p. Where no image in [0, 1] falls so far, v is the corner that
    comes closest. Pixels with w = 0 stay. The half-space w v <= b is given by w p - b, because as
    the difference of two large numbers it would lose the digits that count.
    """
    d = int(np.prod(p.shape.as_list()[1:]))
    flat_p = tf.reshape(p, [-1, d])
    flat_w = tf.reshape(w, [-1, d])
    room = tf.where(flat_w > 0, flat_p - BOX[0], BOX[1] - flat_p)
    never = tf.fill(tf.shape(room), tf.constant(np.inf, p.dtype))
    walls = tf.where(tf.equal(flat_w, 0), never, room / tf.abs(flat_w))
    length = shortest_length(walls, tf.square(flat_w), fall)
    return project_box(p - per_image(length, p) * w)


def shortest_length(walls, squares, fall):
    """The least l >= 0 with sum_j squares_j min(l, walls_j) >= fall, or the furthest wall: [n].

    walls [n, d]: how far each pixel may go along -w, in units of w; squares [n, d]: w^2, 0 where
    the wall is infinite; fall [n]. The sum is concave in l and linear between the walls, so it is
    the least of its tangents there, and l the largest of the lengths at which they reach `fall`.
    """
    ends, order = tf.nn.top_k(-walls, int(walls.shape[1]))
    ends = -ends
    slopes = tf.cumsum(tf.gather(squares, order, axis=1, batch_dims=1), axis=1, reverse=True)
    moves = slopes > 0
    none = tf.zeros_like(ends)
    starts = tf.concat([none[:, :1], ends[:, :-1]], axis=1)
    gains = tf.where(moves, slopes * (ends - starts), none)
    missing = tf.expand_dims(fall, 1) - tf.cumsum(gains, axis=1, exclusive=True)
    lengths = tf.where(moves, starts + missing / slopes, none)
    furthest = tf.reduce_max(tf.where(moves, ends, none), axis=1)
    return tf.minimum(tf.maximum(tf.reduce_max(lengths, axis=1), 0.), furthest)
