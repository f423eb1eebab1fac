"""Random numbers that depend on (seed, step, name) alone, so that a run can be repeated and resumed
exactly.

The streams are TensorFlow's stateless ones, which are equal in both runtimes.
"""
import zlib

import tensorflow.compat.v1 as tf


def name_seed(seed, name):
    """A 31-bit number from a run's seed and a name."""
    return zlib.crc32(('%d/%s' % (seed, name)).encode()) & 0x7fffffff


class Noise(object):
    """The random draws of a run: `seed` is a number, `step` an integer tensor or a number. Each
    draw has a name of its own.
    """

    def __init__(self, seed, step=0):
        self._seed = seed
        self._step = step

    def another(self, number):
        """The draws of start `number`, an integer or a tensor, of several; 0 is this."""
        return Noise(self._seed, self._step + number)

    def _key(self, name):
        return tf.stack([name_seed(self._seed, name), tf.cast(self._step, tf.int32)])

    def normal(self, shape, stddev, name):
        """Gaussian with mean 0."""
        return tf.random.stateless_normal(shape, self._key(name), stddev=stddev)

    def uniform(self, shape, low, high, name):
        """Uniform in [low, high)."""
        return tf.random.stateless_uniform(shape, self._key(name), low, high)

    def categorical(self, logits, name):
        """One class for each row of logits [n, k], with probability softmax(logits); -inf is never
        drawn. Returns [n] int32.
        """
        u = self.uniform(tf.shape(logits), 1e-20, 1., name)
        return tf.argmax(logits - tf.log(-tf.log(u)), axis=1, output_type=tf.int32)
