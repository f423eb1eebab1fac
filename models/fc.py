"""The fully connected networks of Szegedy et al. (ICLR 2014), section 3: FC10, FC100-100-10, ..."""
from utils.errors import check

import tensorflow.compat.v1 as tf

from models.layers import flatten

LAYER_DIMS = (100, 100, 10)
LAST = 0.1   # of the weight decay of hidden layers: FC100-100-10(1e-5, 1e-5, 1e-6)


def fc(layers, x, num_classes, layers_from=0, layers_to=None, *, layer_dims=LAYER_DIMS,
       activation_fn=tf.sigmoid):
    """Layers of `layer_dims` units, the logits the last of them: [n, h, w, c] -> [n, num_classes].

    FC10 is the softmax classifier. With a weight decay of lambda a layer of k units adds lambda
    sum w^2 / k, the last one above hidden layers a tenth of that. With `layers_from`, x is what
    that layer is given, [n, units]; with `layers_to`, what that layer is given is returned. Raises
    UserError where the last layer has other than num_classes units.
    """
    check(layer_dims[-1] == num_classes, '--layer_dims is %s; expected the logits of %d classes '
          'last, such as 100-100-%d', '-'.join(map(str, layer_dims)), num_classes, num_classes)
    check(layers_to is None or layers_to < len(layer_dims), '--pool_layers is %s; expected at most '
          'the %d layers of %s', (layers_to or 0) + 1, len(layer_dims), layer_dims)
    net = x if layers_from else flatten(x)
    for i, units in list(enumerate(layer_dims[:-1]))[layers_from:layers_to]:
        net = activation_fn(layers.dense(net, units, 'fc%d' % i, decay=2. / units))
    if layers_to is not None:
        return net
    share = LAST if len(layer_dims) > 1 else 1.
    return layers.dense(net, num_classes, 'logits', decay=2. * share / num_classes)
