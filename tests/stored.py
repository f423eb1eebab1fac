"""Networks with random weights, and what they answer, in float64 NumPy."""
import collections

import numpy as np

from evaluation.networks import StoredNetwork

ACTIVATIONS = {
    'relu': lambda z: np.maximum(z, 0),
    'lrelu': lambda z: np.maximum(z, 0.2 * z),
    'softplus': lambda z: np.logaddexp(z, 0),
    'softplus10': lambda z: np.logaddexp(10 * z, 0) / 10,
    'tanh': np.tanh,
}


def pooled(size):
    """The height or width that a convolution 5 x 5 and its pooling leave of `size`."""
    return (size - 4) // 2


def random_network(architecture='mlp', activation='relu', seed=0, *, shape=(16, 18, 2),
                   num_classes=4):
    """A StoredNetwork for images of this shape, with two hidden dense layers of 7 and 6 units; that
    of mlp1 has one of 7, and no biases.
    """
    height, width, channels = shape
    shapes = [('fc0', (height * width * channels, 7))]
    if architecture == 'lenet5':
        shapes = [('conv0', (5, 5, channels, 32)), ('conv1', (5, 5, 32, 64)),
                  ('fc0', (pooled(pooled(height)) * pooled(pooled(width)) * 64, 7))]
    units = [7] if architecture == 'mlp1' else [7, 6]
    shapes += [('fc1', (7, 6))] * (len(units) - 1) + [('logits', (units[-1], num_classes))]
    rng = np.random.RandomState(seed)
    weights = collections.OrderedDict()
    for layer, dimensions in shapes:
        deviation = np.sqrt(2. / np.prod(dimensions[:-1]))
        weights[layer + '/weights'] = np.float32(deviation * rng.randn(*dimensions))
        if architecture != 'mlp1':
            weights[layer + '/bias'] = np.float32(0.1 * rng.randn(dimensions[-1]))
    return StoredNetwork(architecture=architecture, activation=activation, layer_dims=units,
                         num_classes=num_classes, image_shape=list(shape), weights=weights)


def random_images(n, shape=(16, 18, 2), seed=1):
    """Images [n, h, w, c] in [0, 1]."""
    return np.float32(np.random.RandomState(seed).uniform(size=(n,) + tuple(shape)))


def conv_and_pool(x, weights, bias, activation):
    """A VALID convolution, the activation, the maxima of windows 2 x 2."""
    size = weights.shape[0]
    height = x.shape[1] - size + 1
    width = x.shape[2] - size + 1
    z = bias + sum(np.tensordot(x[:, i:i + height, j:j + width], weights[i, j], 1)
                   for i in range(size) for j in range(size))
    z = activation(z)[:, :height // 2 * 2, :width // 2 * 2]
    return np.maximum(np.maximum(z[:, ::2, ::2], z[:, 1::2, ::2]),
                      np.maximum(z[:, ::2, 1::2], z[:, 1::2, 1::2]))


def reference_logits(network, images):
    """The logits [n, k] of a StoredNetwork (or of the arrays of a weights.npz) in float64."""
    activation = ACTIVATIONS[str(network.activation)]
    layers = [name[:-len('/weights')] for name in network.weights if name.endswith('/weights')]
    x = np.float64(images)
    for layer in layers:
        weights = np.float64(network.weights[layer + '/weights'])
        bias = np.float64(network.weights.get(layer + '/bias', 0.))
        if weights.ndim == 4:
            x = conv_and_pool(x, weights, bias, activation)
        else:
            z = x.reshape(len(x), -1) @ weights + bias
            x = z if layer == layers[-1] else activation(z)
    return x
