"""The layers that networks are made of; images are NHWC."""
import collections
import functools

from utils.errors import check_choice
from utils.noise import name_seed

import numpy as np
import tensorflow.compat.v1 as tf


def leaky_relu(x):
    """max(x, 0.2 x), the critic's activation."""
    return tf.nn.leaky_relu(x, alpha=0.2)


def softplus10(x):
    """log(1 + exp(10 x)) / 10, close to a ReLU and smooth."""
    return 0.1 * tf.nn.softplus(10. * x)


ACTIVATIONS = {'relu': tf.nn.relu, 'lrelu': leaky_relu, 'softplus': tf.nn.softplus,
               'softplus10': softplus10, 'tanh': tf.tanh, 'sigmoid': tf.sigmoid}


def activation(name):
    """The activation function of that name; raises UserError for an unknown one."""
    return ACTIVATIONS[check_choice('--activation_fn', name, ACTIVATIONS)]


def he_stddev(fan_in, unused_fan_out):
    """He et al. (2015): the standard deviation sqrt(2 / fan_in) of Gaussian initial weights."""
    return np.sqrt(2. / fan_in)


def glorot_stddev(fan_in, fan_out):
    """Glorot and Bengio (2010): the standard deviation sqrt(2 / (fan_in + fan_out))."""
    return np.sqrt(2. / (fan_in + fan_out))


def move(old, new, decay):
    """The op that moves the variable `old` towards `new`."""
    return old.assign(decay * old.read_value() + (1. - decay) * new).op


def truncated_normal(shape, key, stddev):
    """Gaussian numbers within two standard deviations, which are then scaled to `stddev`."""
    return tf.random.stateless_truncated_normal(shape, key, stddev=stddev / TRUNCATED_STDDEV)


def uniform(shape, key, stddev):
    """Numbers between -sqrt(3) stddev and sqrt(3) stddev, all equally likely."""
    limit = np.sqrt(3.) * stddev
    return tf.random.stateless_uniform(shape, key, -limit, limit)


TRUNCATED_STDDEV = 0.8796256610342398   # of a standard normal number between -2 and 2
INITIAL_WEIGHTS = {'normal': (tf.random.stateless_normal, he_stddev),
                   'truncated_normal': (truncated_normal, he_stddev),
                   'glorot_uniform': (uniform, glorot_stddev)}


def flatten(x):
    """[n, h, w, c] -> [n, h * w * c]."""
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])


def max_pool(x):
    """Maximum over windows of 2 x 2: [n, h, w, c] -> [n, h // 2, w // 2, c]."""
    return tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], padding='VALID')


class Layers(object):
    """The layers of one network: each makes its variables on its first call and keeps account of
    them.

    seed: initial weights depend on (seed, name of the variable) alone; initial_weights: their
    distribution and, in layers without a `stddev` of their own, their spread, one of
    INITIAL_WEIGHTS.
    variables: the trainable variables, in the order of creation; pretrained: those of them that
    pretraining alone moves; decayed: those that weight decay acts on; statistics: of batch
    normalisation, which no loss moves; after_step: functions that build the ops which do. outputs:
    {name: what the layer returned in the last call}.
    """

    def __init__(self, seed, initial_weights='normal'):
        self._seed = seed
        self._draw, self._stddev = INITIAL_WEIGHTS[check_choice('--initial_weights',
                                                                initial_weights, INITIAL_WEIGHTS)]
        self._known = collections.OrderedDict()
        self._decayed = collections.OrderedDict()
        self._statistics = collections.OrderedDict()
        self._pretrained = set()
        self.after_step = []
        self.outputs = collections.OrderedDict()

    @property
    def statistics(self):
        """The running means and variances of batch normalisation, in the order of creation."""
        return list(self._statistics.values())

    @property
    def variables(self):
        """The trainable variables, in the order of creation."""
        return list(self._known.values())

    @property
    def pretrained(self):
        """The trainable variables that pretraining alone moves, in the order of creation."""
        return [v for name, v in self._known.items() if name in self._pretrained]

    @property
    def decayed(self):
        """The weights under weight decay, in the order of creation."""
        return [weights for weights, _ in self._decayed.values()]

    def weight_penalty(self):
        """sum d ||W||^2 / 2 over the weights under weight decay, d the `decay` of their layer."""
        return tf.add_n([tf.zeros([])] + [float(decay) * tf.nn.l2_loss(weights)
                                          for weights, decay in self._decayed.values()])

    def dense(self, x, units, name, *, bias=True, decay=True, stddev=None, pretrained=False):
        """Fully connected layer without activation: [n, d] -> [n, units].

        decay: whether weight decay acts on it, or by which factor; stddev: of its initial weights,
        a function of fan-in and fan-out (default: that of `initial_weights`); with `pretrained` it
        is one that pretraining alone moves.
        """
        with tf.variable_scope(name):
            fan_in = int(x.shape[1])
            weights = self._weights([fan_in, units], (fan_in, units), stddev, decay)
            x = tf.matmul(x, weights)
            x = x + self._bias(units) if bias else x
            scope = tf.get_variable_scope().name + '/'
            if pretrained:
                self._pretrained.update(known for known in self._known if known.startswith(scope))
            return self._returned(name, x)

    def conv(self, x, channels, size, name, *, stride=1, padding='VALID', bias=True, decay=True,
             stddev=None):
        """Convolution without activation: [n, h, w, c] -> [n, h', w', channels].

        The filters are `size` x `size`; `padding` is VALID or SAME.
        """
        with tf.variable_scope(name):
            shape = [size, size, int(x.shape[3]), channels]
            fan_in = int(np.prod(shape[:3]))
            weights = self._weights(shape, (fan_in, size * size * channels), stddev, decay)
            x = tf.nn.conv2d(x, weights, strides=[1, stride, stride, 1], padding=padding)
            return self._returned(name, x + self._bias(channels) if bias else x)

    def deconv(self, x, channels, size, name, *, stride=2):
        """Transposed convolution without activation: [n, h, w, c] -> [n, stride h, stride w,
        channels].

        Of the `size` x `size` filters, one in stride^2 weights meets a pixel: so many fewer are
        its fan-in.
        """
        with tf.variable_scope(name):
            h, w, c = x.shape.as_list()[1:]
            weights = self._weights([size, size, channels, c],
                                    (size * size * c / stride ** 2, None), he_stddev, True)
            shape = [stride * h, stride * w, channels]
            x = tf.nn.conv2d_transpose(x, weights, tf.stack([tf.shape(x)[0]] + shape),
                                       [1, stride, stride, 1], padding='SAME')
            return self._returned(name, tf.reshape(x, [-1] + shape) + self._bias(channels))

    def _returned(self, name, value):
        self.outputs[name] = value
        return value

    def _weights(self, shape, fans, stddev, decay):
        stddev = (stddev or self._stddev)(*fans)
        key = [name_seed(self._seed, tf.get_variable_scope().name), 0]

        def initializer():
            return self._draw(shape, key, stddev=stddev)

        weights = tf.get_variable('weights', initializer=initializer, dtype=tf.float32)
        if decay:
            self._decayed.setdefault(weights.op.name, (weights, decay))
        return self._known.setdefault(weights.op.name, weights)

    def batch_norm(self, x, name, *, batch, decay=0.9, epsilon=1e-3):
        """Each channel of [..., c] with mean 0 and variance 1, then scaled and shifted.

        With `batch`, mean and variance are those of the batch, and a function of `after_step` moves
        the running ones towards them by 1 - decay; without, they are the running ones, so that an
        image's output depends on that image alone.
        """
        with tf.variable_scope(name):
            c = int(x.shape[-1])
            scale, shift = (self._vector(part, c, value) for part, value in
                            (('scale', 1.), ('shift', 0.)))
            running = [self._vector(part, c, value, trainable=False) for part, value in
                       (('mean', 0.), ('variance', 1.))]
            mean, variance = running
            if batch:
                mean, variance = tf.nn.moments(x, list(range(x.shape.ndims - 1)))
                self.after_step += [functools.partial(move, old, new, decay) for old, new in
                                    zip(running, (mean, variance))]
            return tf.nn.batch_normalization(x, mean, variance, shift, scale, epsilon)

    def _vector(self, name, size, value, trainable=True):
        kept = self._known if trainable else self._statistics
        vector = tf.get_variable(name, shape=[size], initializer=tf.constant_initializer(value),
                                 trainable=trainable)
        return kept.setdefault(vector.op.name, vector)

    def _bias(self, units):
        bias = tf.get_variable('bias', shape=[units], initializer=tf.zeros_initializer())
        return self._known.setdefault(bias.op.name, bias)
