"""The exact projection, in l2, l1 or l_inf, on the part of the box that lies beyond a hyperplane.

The boundary attack takes it at each step, in l2; it is the whole of the attack on the linearisation
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
    return HalfSpace(p, w)(fall)


class HalfSpace(object):
    """The images of [0, 1] that are nearest to p [n, ...] in the norm `ord`, 1, 2 or inf, among
    those whose w v is so far below w p: called with fall [n], see project_half_space.

    Along the way a pixel goes at its rate until it is at its wall: |w| in l2, 1 in l_inf, where all
    go at once; in l1 those with the largest |w| go first, sorted once for as many falls as are
    asked for.
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
        self._gains = tf.square(flat_w) if ord == 2 else size
        walls = room / size if ord == 2 else room
        self._walls = tf.where(self._gains > 0, walls, tf.zeros_like(walls))

    def __call__(self, fall):
        if self._ord == 1:
            return project_box(self._p - tf.reshape(self._filled(fall), tf.shape(self._p)))
        along = self._w if self._ord == 2 else tf.sign(self._w)
        length = shortest_length(self._walls, self._gains, fall)
        return project_box(self._p - per_image(length, self._p) * along)

    def _filled(self, fall):
        """How far each pixel goes along -sign(w) when those with the largest |w| go to their walls
        first: [n, d].
        """
        missing = tf.expand_dims(fall, 1) - self._before
        share = tf.where(self._size > 0, missing / self._size, tf.zeros_like(missing))
        moved = tf.clip_by_value(share, 0., self._room)
        moved = tf.gather(moved, tf.argsort(self._order), axis=1, batch_dims=1)
        return moved * tf.reshape(tf.sign(self._w), tf.shape(moved))


def shortest_length(walls, gains, fall):
    """The least l >= 0 at which sum_j gains_j min(l, walls_j) is `fall` [n], or the furthest wall
    where it never is: [n]. walls, gains [n, d].

    By Newton's method: the sum is concave in l and made of straight pieces, so that each tangent
    reaches `fall` too early, and from 0 the steps end at l exactly, after as many as there are
    pieces at most, and most often after a few. Sorting the pixels would take longer.
    """
    at_wall = gains * walls

    def body(length, unused_moved):
        free = walls > tf.expand_dims(length, 1)
        slope = tf.reduce_sum(tf.where(free, gains, tf.zeros_like(gains)), axis=1)
        missing = fall - tf.reduce_sum(tf.where(free, tf.zeros_like(gains), at_wall), axis=1)
        further = tf.where(slope > 0, missing / slope, length)
        return tf.maximum(length, further), further > length

    none = tf.zeros_like(fall)
    length, _ = tf.while_loop(lambda unused_length, moved: tf.reduce_any(moved), body,
                              [none, fall > 0], back_prop=False)
    return tf.minimum(length, tf.reduce_max(walls, axis=1))
