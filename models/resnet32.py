"""The residual network of Hein & Andriushchenko (NIPS 2017), section 5: 32 layers with weights."""
from utils.errors import check

import numpy as np
import tensorflow.compat.v1 as tf

from models.layers import softplus10
from models.network import AS_TESTED

LAYER_DIMS = (16, 32, 64)   # channels of the stages
UNITS = 5   # in a stage, each of two convolutions


def out_stddev(unused_fan_in, fan_out):
    """N(0, 2 / (9 channels out)) for convolutions, as published."""
    return np.sqrt(2. / fan_out)


def in_stddev(fan_in, unused_fan_out):
    """N(0, 1 / fan in) for the dense layer: the variance of the released code."""
    return np.sqrt(1. / fan_in)


def resnet32(layers, x, num_classes, training=AS_TESTED, *, layer_dims=LAYER_DIMS,
             activation_fn=softplus10):
    """A convolution, 3 stages of 5 pre-activation units, the mean over the image, a dense layer:
    [n, h, w, c] -> logits [n, num_classes].

    Every unit adds two convolutions 3 x 3, each after batch normalisation and activation, to its
    input, the very first one to its input after both; dropout stands between them. The first unit
    of a later stage has stride 2; what it adds to is pooled, with channels of zeros. Only a loss
    asks for the statistics of the batch: tested and attacked, an image's logits depend on that
    image alone. `layer_dims`: the channels of the stages. Weight decay acts on all matrices and
    filters.
    """
    check(training.keep_input == 1, '--keep_input is %s; resnet32 drops no pixels, expected 1',
          training.keep_input)

    def active(net, name):
        return activation_fn(layers.batch_norm(net, name, batch=training.batch_statistics))

    def convolve(net, channels, name, stride=1):
        return layers.conv(net, channels, 3, name, stride=stride, padding='SAME', bias=False,
                           stddev=out_stddev)

    net = convolve(x, layer_dims[0], 'conv0')
    for stage, channels in enumerate(layer_dims):
        for unit in range(UNITS):
            name = 'stage%d_unit%d_' % (stage, unit)
            stride = 2 if stage and not unit else 1
            branch = active(net, name + 'norm0')
            net = net if stage or unit else branch
            branch = convolve(branch, channels, name + 'conv0', stride)
            branch = training.drop(active(branch, name + 'norm1'), training.keep_hidden, name)
            net = shortcut(net, channels, stride) + convolve(branch, channels, name + 'conv1')
    net = tf.reduce_mean(active(net, 'norm'), axis=[1, 2])
    return layers.dense(net, num_classes, 'logits', stddev=in_stddev)


def shortcut(net, channels, stride):
    """The input of a unit, pooled by `stride` and with channels of zeros up to `channels`."""
    if stride > 1:
        net = tf.nn.avg_pool(net, [1, stride, stride, 1], [1, stride, stride, 1], padding='SAME')
    more = channels - int(net.shape[3])
    check(more >= 0, '--layer_dims of resnet32 fall; expected channels that grow')
    return tf.pad(net, [[0, 0], [0, 0], [0, 0], [more // 2, more - more // 2]]) if more else net
