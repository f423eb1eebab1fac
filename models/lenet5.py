"""The convolutional network of Table 1b."""
from utils.errors import check

import tensorflow.compat.v1 as tf

from models.layers import flatten, max_pool

LAYER_DIMS = (512,)


def lenet5(layers, x, num_classes, *, layer_dims=LAYER_DIMS, activation_fn=tf.nn.relu):
    """Two convolutions 5 x 5 (32 and 64 channels), each pooled 2 x 2, then dense layers:
    [n, h, w, c] -> logits [n, num_classes].

    Raises UserError for images smaller than 16 x 16.
    """
    height, width = x.shape.as_list()[1:3]
    check(min(height, width) >= 16,
          'lenet5 takes images of at least 16 x 16; these are %d x %d', height, width)
    net = max_pool(activation_fn(layers.conv(x, 32, 5, 'conv0')))
    net = max_pool(activation_fn(layers.conv(net, 64, 5, 'conv1')))
    net = flatten(net)
    for i, units in enumerate(layer_dims):
        net = activation_fn(layers.dense(net, units, 'fc%d' % i))
    return layers.dense(net, num_classes, 'logits', decay=False)
