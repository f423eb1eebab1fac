"""A second CROWN, written unit by unit from the paper, and networks to try it on."""
import itertools

import numpy as np

from certificates import RELU, Activation, Convolution, Dense, MaxPool

SHAPE = (7, 6, 2)   # of the images of `convolutional`


def dense_network(seed, sizes, scale=1.2):
    """Dense layers with ReLUs between them, of these sizes."""
    rng = np.random.RandomState(seed)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [Dense(scale * rng.randn(inputs, outputs) / np.sqrt(inputs),
                         0.3 * rng.randn(outputs)), RELU]
    return layers[:-1]


def convolutional(seed, stride=1, padding='SAME', pooled=True):
    """A convolution, with pooling if so asked, another one, a dense layer, the logits."""
    rng = np.random.RandomState(seed)
    places = [7, 6]
    layers = []
    channels = SHAPE[2]
    for size, outputs in ((3, 4), (2, 3)):
        step = stride if not layers else 1
        layers += [Convolution(rng.randn(size, size, channels, outputs) / size,
                               0.2 * rng.randn(outputs), step, padding), RELU]
        if padding == 'SAME':
            places = [-(-place // step) for place in places]
        else:
            places = [(place - size) // step + 1 for place in places]
        channels = outputs
        if pooled and len(layers) == 2:
            layers.insert(1 + seed % 2, MaxPool(2))   # on either side of the ReLU
            places = [place // 2 for place in places]
    return layers + dense_network(seed, (places[0] * places[1] * channels, 6, 3))


def images_with_walls(n, shape, seed=0):
    """Images of which a third of the pixels is 0 or 1."""
    rng = np.random.RandomState(seed)
    x = rng.uniform(size=(n,) + shape)
    return np.where(rng.uniform(size=x.shape) < 0.3, np.round(x), x)


def matrix_of(layer, shape):
    """(matrix [inputs, outputs], bias [outputs], shape of the outputs) of a linear layer, by its
    definition: one output at a time.
    """
    if isinstance(layer, Dense):
        return np.asarray(layer.weights), np.asarray(layer.bias), None
    size_h, size_w, channels, outputs = layer.weights.shape
    out, before = [], []
    for place, size in zip(shape, (size_h, size_w)):
        if layer.padding == 'SAME':
            out.append(-(-place // layer.stride))
            before.append(max((out[-1] - 1) * layer.stride + size - place, 0) // 2)
        else:
            out.append((place - size) // layer.stride + 1)
            before.append(0)
    matrix = np.zeros(tuple(shape) + (out[0], out[1], outputs))
    for a, b, i, j in itertools.product(range(out[0]), range(out[1]), range(size_h), range(size_w)):
        y, x = a * layer.stride + i - before[0], b * layer.stride + j - before[1]
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            matrix[y, x, :, a, b, :] += layer.weights[i, j]
    bias = np.tile(layer.bias, out[0] * out[1])
    return matrix.reshape(int(np.prod(shape)), -1), bias, (out[0], out[1], outputs)


def stages_of(layers, shape):
    """[(matrix, bias, groups of units that make one output)] of the hidden layers, and the head."""
    stages = []
    for layer in layers[:-1]:
        if isinstance(layer, Activation):
            continue
        if isinstance(layer, MaxPool):
            matrix, bias, _ = stages.pop()
            index = np.arange(len(bias)).reshape(shape)
            height, width = shape[0] // 2, shape[1] // 2
            groups = [[index[2 * a + i, 2 * b + j, c] for i in (0, 1) for j in (0, 1)]
                      for a in range(height) for b in range(width) for c in range(shape[2])]
            shape = (height, width, shape[2])
            stages.append((matrix, bias, groups))
        else:
            matrix, bias, shape = matrix_of(layer, shape)
            stages.append((matrix, bias, [[unit] for unit in range(len(bias))]))
    return stages, layers[-1]


def forward(layers, shape, x):
    """The logits [k] of one image."""
    stages, head = stages_of(layers, shape)
    x = x.ravel()
    for matrix, bias, groups in stages:
        z = x @ matrix + bias
        x = np.array([max(0., max(z[unit] for unit in group)) for group in groups])
    return x @ head.weights + head.bias


def below(coefficient, group, low, high):
    """{unit: slope} and a constant: a line below coefficient * max(0, units of the group)."""
    best_low = max(low[unit] for unit in group)
    winner = max(group, key=lambda unit: high[unit])
    rest = max([high[unit] for unit in group if unit != winner] + [-np.inf])
    if max(high[unit] for unit in group) <= 0:
        return {}, 0.
    if low[winner] >= max(0., rest):
        return {winner: coefficient}, 0.
    if coefficient >= 0:
        unit = max(group, key=lambda unit: low[unit] + high[unit])
        return ({unit: coefficient} if low[unit] + high[unit] >= 0 else {}), 0.
    gamma = max(0., best_low, rest)
    if high[winner] <= gamma:
        return {}, coefficient * gamma
    slope = (high[winner] - gamma) / (high[winner] - low[winner])
    return {winner: coefficient * slope}, coefficient * (gamma - slope * low[winner])


def lower_bound(known, row, constant, x, radius, box):
    """A lower bound of row @ (outputs of the last known stage) + constant on the ball."""
    for matrix, bias, groups, low, high in reversed(known):
        units = np.zeros(len(bias))
        for coefficient, group in zip(row, groups):
            slopes, extra = below(coefficient, group, low, high)
            constant += extra
            for unit, slope in slopes.items():
                units[unit] += slope
        constant += units @ bias
        row = matrix @ units
    if box:
        row_in_box = [0. if x[s] <= 0 and row[s] > 0 or x[s] >= 1 and row[s] < 0 else row[s]
                      for s in range(len(x))]
    else:
        row_in_box = row
    return row @ x + constant - radius * np.sqrt(np.sum(np.square(row_in_box)))


def crown_margins(layers, shape, x, radius, box):
    """Lower bounds of f_c - f_j on the ball around one image, for every j other than c."""
    stages, head = stages_of(layers, shape)
    predicted = forward(layers, shape, x).argmax()
    x = x.ravel()
    known = []
    for matrix, bias, groups in stages:
        low = [lower_bound(known, row, b, x, radius, box) for row, b in zip(matrix.T, bias)]
        high = [-lower_bound(known, -row, -b, x, radius, box) for row, b in zip(matrix.T, bias)]
        known.append((matrix, bias, groups, low, high))
    return np.array([
        lower_bound(known, head.weights[:, predicted] - head.weights[:, j],
                    head.bias[predicted] - head.bias[j], x, radius, box)
        for j in range(head.weights.shape[1]) if j != predicted])
