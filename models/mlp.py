"""The fully connected network of Table 1a."""
import tensorflow.compat.v1 as tf

from models.layers import flatten

LAYER_DIMS = (1200, 1200, 1200)


def mlp(layers, x, num_classes, *, layer_dims=LAYER_DIMS, activation_fn=tf.nn.relu):
    """Hidden layers of `layer_dims` units (section 5: three of 1200): [n, h, w, c] -> logits
    [n, num_classes].
    """
    net = flatten(x)
    for i, units in enumerate(layer_dims):
        net = activation_fn(layers.dense(net, units, 'fc%d' % i))
    return layers.dense(net, num_classes, 'logits', decay=False)
