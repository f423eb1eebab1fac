"""The critic networks: functions of (layers, x, noise, call) -> one logit for each class."""
import tensorflow.compat.v1 as tf

from models.layers import flatten, leaky_relu

INPUT_STDDEV = 0.1
HIDDEN_STDDEV = 0.5


def critic_mlp(layers, x, num_classes, layer_dims, *, noise=None, call=''):
    """The k-output critic of section 4 and figure 3: [n, h, w, c] -> logits [n, num_classes].

    Gaussian noise enters the input of each layer when `noise` (a utils.noise.Noise) is given: in
    training losses, not in metrics. `call` names this use of the critic within a step, so that each
    use draws noise of its own.
    """
    def disturb(net, stddev, layer):
        if noise is None:
            return net
        return net + noise.normal(tf.shape(net), stddev, 'critic/%s/%s' % (call, layer))

    net = disturb(flatten(x), INPUT_STDDEV, 'input')
    for i, units in enumerate(layer_dims):
        net = leaky_relu(layers.dense(net, units, 'fc%d' % i))
        net = disturb(net, HIDDEN_STDDEV, 'fc%d' % i)
    return layers.dense(net, num_classes, 'logits', decay=False)
