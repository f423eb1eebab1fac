"""A ReLU network as a list of layers, and the linear maps that certificates are made of.

A list holds Dense, Convolution, MaxPool and Activation, from the images to the logits. The last
layer is dense and has no activation. Images are NHWC and flattened row by row, channels last.
"""
import collections

import numpy as np

Dense = collections.namedtuple('Dense', 'weights bias')
Dense.__doc__ = """weights [units in, units out], bias [units out] or None."""

Convolution = collections.namedtuple('Convolution', 'weights bias stride padding')
Convolution.__doc__ = """weights [height, width, channels in, channels out], bias [channels out] or
None, stride in both directions, padding VALID or SAME, as TensorFlow pads."""
Convolution.__new__.__defaults__ = (1, 'VALID')

MaxPool = collections.namedtuple('MaxPool', 'size')
MaxPool.__doc__ = """The maxima of windows size x size that do not overlap, without padding."""
MaxPool.__new__.__defaults__ = (2,)

Activation = collections.namedtuple('Activation', 'name scale')
Activation.__doc__ = """relu; lrelu: max(z, scale z); softplus: log(1 + exp(scale z)) / scale;
tanh."""
Activation.__new__.__defaults__ = (1.,)
RELU = Activation('relu')

ACTIVATIONS = {
    'relu': lambda z, scale: np.maximum(z, 0.),
    'lrelu': lambda z, scale: np.maximum(z, scale * z),
    'softplus': lambda z, scale: np.logaddexp(scale * z, 0.) / scale,
    'tanh': lambda z, scale: np.tanh(z),
}

Stage = collections.namedtuple('Stage', 'map activation windows')
Stage.__doc__ = """One hidden stage: a linear map, its Activation, and for a stage that is pooled
`windows` [units after pooling, units in a window], the places of each window's units among the
map's outputs; None without pooling."""


def same_padding(size, kernel, stride):
    """TensorFlow's SAME padding of one direction: (before, after)."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class LinearMap(object):
    """x [n, inputs] -> x @ matrix + bias, float64; the matrix of a convolution is never made.

    weights: those of the layer; bias [outputs]; shape: (h, w, c) of the outputs of a convolution,
    else None; work: how many numbers `backward` makes of a row.
    """

    def constant(self, rows):
        """What the bias adds to rows over the outputs: [m, outputs] -> [m]."""
        return rows @ self.bias


class DenseMap(LinearMap):
    """The map of a dense layer."""

    shape = None

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias
        self.inputs, self.outputs = weights.shape
        self.work = max(weights.shape)

    def forward(self, x):
        """[n, inputs] -> [n, outputs]."""
        return x @ self.weights + self.bias

    def backward(self, rows):
        """Rows over the outputs as rows over the inputs, without what the bias adds."""
        return rows @ self.weights.T

    def units(self, chosen, inputs=None):
        """The chosen outputs as rows over the inputs, or over some of them."""
        rows = self.weights[:, chosen] if inputs is None else self.weights[np.ix_(inputs, chosen)]
        return rows.T

    def of(self, function):
        """The map with function(weights) for weights, and no bias."""
        return DenseMap(function(self.weights), np.zeros_like(self.bias))

    def restrict(self, inputs, outputs):
        """The map between some of the inputs and some of the outputs; None stands for all."""
        weights = self.weights if inputs is None else self.weights[inputs]
        if outputs is None:
            return DenseMap(weights, self.bias)
        return DenseMap(weights[:, outputs], self.bias[outputs])


class ConvolutionMap(LinearMap):
    """The map of a Convolution on flattened images of shape `image` (h, w, c)."""

    def __init__(self, layer, image):
        self._layer, self.image = layer, image
        self.weights, self.stride = layer.weights, layer.stride
        size = layer.weights.shape[:2]
        self._pads = [same_padding(image[i], size[i], layer.stride) if layer.padding == 'SAME'
                      else (0, 0) for i in range(2)]
        padded = [image[i] + sum(self._pads[i]) for i in range(2)]
        places = [(padded[i] - size[i]) // layer.stride + 1 for i in range(2)]
        self.shape = (places[0], places[1], layer.weights.shape[3])
        self.bias = np.tile(layer.bias, places[0] * places[1])
        self.inputs, self.outputs = int(np.prod(image)), int(np.prod(self.shape))
        self._padded = (padded[0], padded[1], image[2])
        self.work = places[0] * places[1] * int(np.prod(layer.weights.shape[:3]))

    def _windows(self):
        """((i, j), the slices of a padded image that weights[i, j] meets)."""
        stride = self.stride
        for i in range(self.weights.shape[0]):
            for j in range(self.weights.shape[1]):
                yield (i, j), (slice(None), slice(i, i + stride * (self.shape[0] - 1) + 1, stride),
                               slice(j, j + stride * (self.shape[1] - 1) + 1, stride))

    def forward(self, x):
        """[n, inputs] -> [n, outputs]."""
        images = np.pad(x.reshape((-1,) + self.image), [(0, 0)] + self._pads + [(0, 0)], 'constant')
        z = np.zeros((len(x),) + self.shape)
        for place, window in self._windows():
            z += np.tensordot(images[window], self.weights[place], 1)
        return z.reshape(len(x), self.outputs) + self.bias

    def backward(self, rows):
        """Rows over the outputs as rows over the inputs, see DenseMap."""
        size = self.weights.shape
        kernel = np.moveaxis(self.weights, 3, 0).reshape(size[3], -1)
        parts = rows.reshape(-1, size[3]) @ kernel
        parts = parts.reshape((len(rows),) + self.shape[:2] + size[:3])
        images = np.zeros((len(rows),) + self._padded)
        for (i, j), window in self._windows():
            images[window] += parts[:, :, :, i, j]
        (top, _), (left, _) = self._pads
        inside = images[:, top:top + self.image[0], left:left + self.image[1]]
        return inside.reshape(len(rows), self.inputs)

    def units(self, chosen, unused_inputs=None):
        """The chosen outputs as rows over the inputs."""
        rows = np.zeros((len(chosen), self.outputs))
        rows[np.arange(len(chosen)), chosen] = 1.
        return self.backward(rows)

    def of(self, function):
        """The map with function(weights) for weights, and no bias."""
        return ConvolutionMap(self._layer._replace(weights=function(self.weights),
                                                   bias=np.zeros(self.shape[2])), self.image)

    def restrict(self, unused_inputs, unused_outputs):
        """The whole map: stages beside a convolution keep all their units."""
        return self
