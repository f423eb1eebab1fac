"""AE400-10 of Szegedy et al. (ICLR 2014), section 3: a sparse autoencoder, frozen, and a softmax on
its code.
"""
from utils.errors import check

import tensorflow.compat.v1 as tf

from models.layers import flatten

LAYER_DIMS = (400,)
ACTIVE = 0.05      # mean activation of a unit
SPARSITY = 1e-3    # weight of the divergence from it


def encode(layers, x, layer_dims, activation_fn):
    """The code of images: [n, h, w, c] -> [n, units]."""
    net = flatten(x)
    for i, units in enumerate(layer_dims):
        net = activation_fn(layers.dense(net, units, 'fc%d' % i, decay=False, pretrained=True))
    return net


def autoencoder(layers, x, num_classes, *, layer_dims=LAYER_DIMS, activation_fn=tf.sigmoid):
    """The softmax on the code: [n, h, w, c] -> logits [n, num_classes].

    Pretraining moves encoder and decoder alone, training the softmax alone, on which weight decay
    of lambda adds lambda sum w^2 / k.
    """
    code = encode(layers, x, layer_dims, activation_fn)
    return layers.dense(code, num_classes, 'logits', decay=2. / num_classes)


def pretraining(layers, x, *, layer_dims=LAYER_DIMS, activation_fn=tf.sigmoid):
    """Mean squared error of the decoded images, and the sum over units of KL(0.05 || mean
    activation), a scalar; the decoder has one layer. Ours: the paper gives no loss.
    """
    check(activation_fn is tf.sigmoid, '--activation_fn of autoencoder is a code outside (0, 1); '
          'expected sigmoid')
    code = encode(layers, x, layer_dims, activation_fn)
    pixels = flatten(x)
    decoded = tf.sigmoid(layers.dense(code, int(pixels.shape[1]), 'decoder', decay=False,
                                      pretrained=True))
    mean = tf.clip_by_value(tf.reduce_mean(code, axis=0), 1e-6, 1. - 1e-6)
    divergence = ACTIVE * tf.log(ACTIVE / mean) + (1. - ACTIVE) * tf.log((1. - ACTIVE) /
                                                                         (1. - mean))
    return tf.reduce_mean(tf.square(decoded - pixels)) + SPARSITY * tf.reduce_sum(divergence)
