"""A list of layers, checked and made ready for certificates."""
from utils.errors import check

import numpy as np

from certificates.layers import (
    ACTIVATIONS,
    RELU,
    Activation,
    Convolution,
    ConvolutionMap,
    Dense,
    DenseMap,
    MaxPool,
    Stage,
)


class Network(object):
    """What certificates are computed of: hidden stages and the head, the map to the logits.

    layers: a list of the kinds in certificates.layers, or plain weights of a dense ReLU network:
    matrices [units in, units out] or pairs (weights, bias). image_shape: (h, w, c), which
    convolutions need. Everything is float64. Raises UserError naming the layer that is wrong.
    """

    def __init__(self, layers, image_shape=None):
        self.stages = []
        shape = tuple(image_shape or ())
        size = int(np.prod(shape)) if shape else None
        layers = as_layers(layers)
        check(layers and isinstance(layers[-1], Dense),
              'the last layer is %s; expected a dense one, without activation',
              name_of(layers[-1:]))
        place = 0
        while place < len(layers) - 1:
            linear = linear_map(place, layers[place], shape, size)
            stage, shape, place = read_stage(layers, place, linear)
            self.stages.append(stage)
            size = linear.outputs if stage.windows is None else len(stage.windows)
        self.head = linear_map(place, layers[place], shape, size)
        self.maps = [stage.map for stage in self.stages] + [self.head]
        self.inputs = self.maps[0].inputs

    def forward(self, x):
        """The values before each activation, and the logits: a list of [n, units]."""
        found = []
        for stage in self.stages:
            found.append(stage.map.forward(x))
            x = ACTIVATIONS[stage.activation.name](found[-1], stage.activation.scale)
            if stage.windows is not None:
                x = x[:, stage.windows].max(axis=2)
        return found + [self.head.forward(x)]

    def check_relu(self, certificate):
        """Raises UserError unless every activation is a ReLU."""
        for number, stage in enumerate(self.stages, 1):
            check(stage.activation.name == 'relu',
                  '%s takes networks of ReLUs; the activation of hidden layer %d is %s',
                  certificate, number, stage.activation.name)


def as_layers(layers):
    """A list of layers in float64; plain matrices and pairs become dense layers with ReLUs."""
    layers = list(layers)
    if all(not isinstance(layer, (Dense, Convolution, MaxPool, Activation)) for layer in layers):
        pairs = [layer if isinstance(layer, (tuple, list)) else (layer, None) for layer in layers]
        layers = [part for pair in pairs for part in (Dense(*pair), RELU)][:-1]
    found = []
    for layer in layers:
        if isinstance(layer, (Dense, Convolution)):
            weights = np.asarray(layer.weights, np.float64)
            bias = np.zeros(weights.shape[-1]) if layer.bias is None else layer.bias
            layer = layer._replace(weights=weights, bias=np.asarray(bias, np.float64))
        found.append(layer)
    return found


def name_of(layers):
    """The kind of the first layer of a list, for a message."""
    return type(layers[0]).__name__ if layers else 'missing'


def linear_map(place, layer, shape, size):
    """The map of a Dense or Convolution on inputs of `size`, images of `shape` if they have one."""
    check(isinstance(layer, (Dense, Convolution)),
          'layer %d is %s; expected a dense layer or a convolution', place, name_of([layer]))
    dimensions = 2 if isinstance(layer, Dense) else 4
    check(layer.weights.ndim == dimensions and layer.bias.shape == layer.weights.shape[-1:],
          'layer %d has weights of shape %s and a bias of shape %s; expected %d dimensions and one '
          'bias an output', place, layer.weights.shape, layer.bias.shape, dimensions)
    check(np.isfinite(layer.weights).all() and np.isfinite(layer.bias).all(),
          'layer %d has a weight that is not a finite number', place)
    if isinstance(layer, Dense):
        check(size in (None, len(layer.weights)), 'layer %d takes %d inputs; it is given %s', place,
              len(layer.weights), size)
        return DenseMap(layer.weights, layer.bias)
    check(len(shape or ()) == 3, 'layer %d is a convolution; expected images of shape (h, w, c) '
          'before it', place)
    check(layer.padding in ('VALID', 'SAME') and layer.stride >= 1,
          'layer %d has padding %r and stride %r; expected VALID or SAME and at least 1', place,
          layer.padding, layer.stride)
    check(shape[2] == layer.weights.shape[2], 'layer %d takes %d channels; it is given %d', place,
          layer.weights.shape[2], shape[2])
    check(layer.padding == 'SAME' or min(shape[i] - layer.weights.shape[i] for i in (0, 1)) >= 0,
          'layer %d has filters %s; its images are %s', place, layer.weights.shape[:2], shape[:2])
    return ConvolutionMap(layer, tuple(shape))


def read_stage(layers, place, linear):
    """The Stage that begins with the linear map at `place`: (Stage, the shape of its outputs, the
    place after it).

    Activation and pooling may stand in either order, since the activations are monotone.
    """
    after = layers[place + 1:place + 3]
    pooled = [layer for layer in after if isinstance(layer, MaxPool)]
    active = [layer for layer in after if isinstance(layer, Activation)]
    if isinstance(after[0], Activation) and not (len(after) > 1 and pooled):
        pooled = []
    check(len(active) == 1 and isinstance(after[0], (Activation, MaxPool)),
          'layer %d is %s; expected an activation between two linear layers, with at most one '
          'max-pool beside it', place + 1, name_of(after))
    check(active[0].name in ACTIVATIONS, 'layer %d is the activation %r; expected one of %s',
          place + 1, active[0].name, ', '.join(sorted(ACTIVATIONS)))
    windows, shape = None, linear.shape
    if pooled:
        windows, shape = pool_windows(place + 1, linear.shape, pooled[0].size)
    return Stage(linear, active[0], windows), shape, place + 2 + len(pooled)


def pool_windows(place, shape, size):
    """The places of each window's units in a flattened image, [windows, size * size], and the shape
    of the pooled image.
    """
    check(shape, 'layer %d is a max-pool; expected a convolution before it', place)
    height, width = shape[0] // size, shape[1] // size
    check(height and width, 'layer %d pools %d x %d of images %d x %d', place, size, size,
          shape[0], shape[1])
    index = np.arange(int(np.prod(shape))).reshape(shape)[:height * size, :width * size]
    index = index.reshape(height, size, width, size, shape[2]).transpose(0, 2, 4, 1, 3)
    return index.reshape(-1, size * size), (height, width, shape[2])
