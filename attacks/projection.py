"""The exact projection, in l2, l1 or l_inf, on the part of the box that lies beyond a hyperplane.

The boundary attack takes it at each step, in l2; it is the whole of the attack on the linearisation
with the box (Hein & Andriushchenko, NIPS 2017, section 4).
"""
import collections

from utils.ops import BOX, per_image, project_box

import numpy as np
import tensorflow.compat.v1 as tf

Tangents = collections.namedtuple('Tangents', 'starts before slopes furthest')
Tangents.__doc__ = """A sum that is linear between walls: [n, d] where its pieces start, the sum
there, their slopes; [n] the furthest wall."""


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
    return HalfSpace(p, w)(fall)


class HalfSpace(object):
    """The images of [0, 1] that are nearest to p [n, ...] in the norm `ord`, 1, 2 or inf, among
    those whose w v is so far below w p: called with fall [n], see project_half_space.

    What must be sorted is sorted once, for as many falls as are asked for.
    """

    def __init__(self, p, w, ord=2):
        d = int(np.prod(p.shape.as_list()[1:]))
        flat_w = tf.reshape(w, [-1, d])
        flat_p = tf.reshape(p, [-1, d])
        self._p, self._w, self._ord = p, w, ord
        room = tf.where(flat_w > 0, flat_p - BOX[0], BOX[1] - flat_p)
        size = tf.abs(flat_w)
        if ord == 1:
            self._size, self._order = tf.nn.top_k(size, d)
            self._room = tf.gather(room, self._order, axis=1, batch_dims=1)
            self._before = tf.cumsum(self._size * self._room, axis=1, exclusive=True)
            return
        never = tf.fill(tf.shape(room), tf.constant(np.inf, p.dtype))
        walls = room / size if ord == 2 else room
        gains = tf.square(flat_w) if ord == 2 else size
        self._tangents = tangents(tf.where(tf.equal(flat_w, 0), never, walls), gains)

    def __call__(self, fall):
        if self._ord == 1:
            return project_box(self._p - tf.reshape(self._filled(fall), tf.shape(self._p)))
        along = self._w if self._ord == 2 else tf.sign(self._w)
        return project_box(self._p - per_image(shortest_length(self._tangents, fall), self._p) *
                           along)

    def _filled(self, fall):
        """How far each pixel goes along -sign(w) when those with the largest |w| go to their walls
        first: [n, d].
        """
        missing = tf.expand_dims(fall, 1) - self._before
        share = tf.where(self._size > 0, missing / self._size, tf.zeros_like(missing))
        moved = tf.clip_by_value(share, 0., self._room)
        moved = tf.gather(moved, tf.argsort(self._order), axis=1, batch_dims=1)
        return moved * tf.reshape(tf.sign(self._w), tf.shape(moved))


def tangents(walls, gains):
    """The Tangents of sum_j gains_j min(l, walls_j), a function of l >= 0.

    walls [n, d]: how far each pixel may go; gains [n, d]: 0 where the wall is infinite.
    """
    ends, order = tf.nn.top_k(-walls, int(walls.shape[1]))
    ends = -ends
    slopes = tf.cumsum(tf.gather(gains, order, axis=1, batch_dims=1), axis=1, reverse=True)
    moves = slopes > 0
    none = tf.zeros_like(ends)
    starts = tf.concat([none[:, :1], ends[:, :-1]], axis=1)
    pieces = tf.where(moves, slopes * (ends - starts), none)
    furthest = tf.reduce_max(tf.where(moves, ends, none), axis=1)
    return Tangents(starts, tf.cumsum(pieces, axis=1, exclusive=True), slopes, furthest)


def shortest_length(tangents, fall):
    """The least l >= 0 at which the sum of these Tangents is `fall` [n], or the furthest wall: [n].

    The sum is concave in l, so it is the least of its tangents, and l the largest of the lengths at
    which they reach `fall`.
    """
    moves = tangents.slopes > 0
    missing = tf.expand_dims(fall, 1) - tangents.before
    lengths = tf.where(moves, tangents.starts + missing / tangents.slopes, tf.zeros_like(missing))
    return tf.minimum(tf.maximum(tf.reduce_max(lengths, axis=1), 0.), tangents.furthest)
