"""The network with one hidden layer of Hein & Andriushchenko (NIPS 2017), section 5."""
from utils.errors import check

import numpy as np

from models.layers import flatten, softplus10
from models.network import AS_TESTED

LAYER_DIMS = (1024,)


def flat_stddev(fan_in, fan_out):
    """N(0, 1 / (fan in * fan out)), as published: training starts on a nearly constant network."""
    return 1. / np.sqrt(fan_in * fan_out)


def mlp1(layers, x, num_classes, training=AS_TESTED, *, layer_dims=LAYER_DIMS,
         activation_fn=softplus10):
    """f = W^T s(U^T x) without biases, s(z) = log(1 + exp(10 z)) / 10: [n, h, w, c] -> logits
    [n, num_classes].

    Weight decay acts on both matrices. In training with dropout, pixels and hidden units are
    dropped. Raises UserError for other than one hidden layer.
    """
    check(len(layer_dims) == 1, '--layer_dims is %s; expected one hidden layer for mlp1',
          '-'.join(map(str, layer_dims)))
    net = training.drop(flatten(x), training.keep_input, 'input')
    net = activation_fn(layers.dense(net, layer_dims[0], 'fc0', bias=False, stddev=flat_stddev))
    net = training.drop(net, training.keep_hidden, 'fc0')
    return layers.dense(net, num_classes, 'logits', bias=False, stddev=flat_stddev)
