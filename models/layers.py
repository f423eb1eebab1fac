"""The layers and the network they make up; images are NHWC."""
from utils.errors import check_choice
from utils.noise import name_seed

import numpy as np
import tensorflow.compat.v1 as tf


def leaky_relu(x):
    """max(x, 0.2 x), the critic's activation."""
    return tf.nn.leaky_relu(x, alpha=0.2)


ACTIVATIONS = {'relu': tf.nn.relu, 'lrelu': leaky_relu, 'softplus': tf.nn.softplus, 'tanh': tf.tanh}


def activation(name):
    """The activation function of that name; raises UserError for an unknown one."""
    return ACTIVATIONS[check_choice('--activation_fn', name, ACTIVATIONS)]


def _he_normal(shape, fan_in, seed):
    """Gaussian with variance 2 / fan_in (He et al., 2015); the draw depends on (seed, name of the
    variable) alone.
    """
    name = tf.get_variable_scope().name

    def initializer():
        return tf.random.stateless_normal(shape, [name_seed(seed, name), 0],
                                          stddev=np.sqrt(2. / fan_in))
    return tf.get_variable('weights', initializer=initializer, dtype=tf.float32)


def _bias(units):
    return tf.get_variable('bias', shape=[units], initializer=tf.zeros_initializer())


def flatten(x):
    """[n, h, w, c] -> [n, h * w * c]."""
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])


def dense(x, units, name, seed):
    """Fully connected layer without activation: [n, d] -> [n, units]."""
    with tf.variable_scope(name):
        fan_in = int(x.shape[1])
        return tf.matmul(x, _he_normal([fan_in, units], fan_in, seed)) + _bias(units)


def conv(x, channels, size, name, seed):
    """Convolution with stride 1 and VALID padding, without activation: [n, h, w, c] -> [n, h - size
    + 1, w - size + 1, channels].
    """
    with tf.variable_scope(name):
        shape = [size, size, int(x.shape[3]), channels]
        weights = _he_normal(shape, int(np.prod(shape[:3])), seed)
        return tf.nn.conv2d(x, weights, strides=[1, 1, 1, 1], padding='VALID') + _bias(channels)


def max_pool(x):
    """Maximum over windows of 2 x 2: [n, h, w, c] -> [n, h // 2, w // 2, c]."""
    return tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], padding='VALID')


class Network(object):
    """A callable with its variables: the first call creates them, every later call shares them.

    `build(x, **kwargs)` returns logits. Variables are resource variables, so a call built under a
    control dependency reads the values they have by then.
    """

    def __init__(self, name, build):
        self.name = name
        self._build = build

    def __call__(self, x, **kwargs):
        with tf.variable_scope(self.name, reuse=tf.AUTO_REUSE, use_resource=True):
            return self._build(x, **kwargs)

    @property
    def variables(self):
        """The trainable variables, in the order of creation; none before the first call."""
        return tf.trainable_variables(self.name + '/')

    @property
    def hidden_weights(self):
        """The weight matrices of every layer but the last: what weight decay acts on."""
        return [
            v for v in self.variables
            if v.op.name.endswith('/weights') and '/logits/' not in v.op.name
        ]
