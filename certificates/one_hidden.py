"""Networks with one hidden layer: Proposition 2.2 of Hein and Andriushchenko (NIPS 2017).

With f = W^T s(U^T x + b), s' not decreasing, w = w_c - w_j and β_rs = w_r w_s <u_r, u_s>, the
gradient of f_c - f_j on the ball of radius R has a squared norm of at most h^T max(β, 0) h + l^T
min(β, 0) l, where h and l are s' at the largest and smallest values that the units can have.
"""
import functools

from utils.errors import check

import numpy as np

from certificates.layers import DenseMap
from certificates.product import map_norms
from certificates.radius import DOWN, Certified, as_inputs, predictions
from certificates.relaxation import Ball

CHUNK = 1000   # images certified at a time: those of one class share the matrices β
NODES = 16   # of the integral, up to the nearest boundary of the linearised network
TOLERANCE = 1e-5   # relative, of the point form's search; the lower end is kept
UP = 1 + 1e-12   # what a squared constant is multiplied by

SLOPES = {
    'relu': lambda z, scale: (z > 0) * 1.,
    'lrelu': lambda z, scale: np.where(z > 0, 1., scale),
    'softplus': lambda z, scale: 0.5 * (1 + np.tanh(0.5 * scale * z)),
}


def one_hidden(network, x, *, box=False, integral=True):
    """Certified of images x [n, ...]: Theorem 2.1 with Proposition 2.2, min over j of the R with R
    L_j(R) = f_c - f_j; with `integral` that of ∫ L_j dr, which is never smaller.

    With `box` only perturbations that stay in [0, 1] count. Raises UserError for a network with
    other than one hidden dense layer, or an activation whose slopes may fall.
    """
    check_network(network)
    x = as_inputs(network, x, box)
    z, logits = network.forward(x)
    predicted, margins = predictions(logits)
    down, up = unit_norms(network, x, box)
    gram = network.maps[0].weights.T @ network.maps[0].weights
    radius = np.zeros(len(x))
    runner_up = margins.argmin(axis=1)
    for c in np.unique(predicted):
        rows = np.flatnonzero((predicted == c) & (margins.min(axis=1) > 0))
        if len(rows):
            group = Group(network, gram, c, z[rows], (down[rows], up[rows]))
            radius[rows], runner_up[rows] = certify_class(group, margins[rows], integral)
    return Certified(radius * DOWN, runner_up)


def check_network(network):
    """Raises UserError unless Proposition 2.2 is about this network."""
    check(len(network.stages) == 1 and isinstance(network.maps[0], DenseMap),
          'one_hidden takes networks with one hidden dense layer; this one has %d hidden layers, '
          '%d of them convolutions', len(network.stages),
          sum(not isinstance(m, DenseMap) for m in network.maps))
    activation = network.stages[0].activation
    check(activation.name in SLOPES and (activation.name != 'lrelu' or 0 <= activation.scale <= 1),
          'one_hidden takes activations whose slopes do not fall (%s); this one is %s',
          ', '.join(sorted(SLOPES)), activation.name)


def unit_norms(network, x, box):
    """How fast each hidden unit can fall and rise: two arrays that broadcast to [n, units]."""
    first = network.maps[0]
    if not box:
        down, up = Ball(np.zeros(network.inputs), False).of_units(first)
        return (np.broadcast_to(norms, (len(x), len(down))) for norms in (down, up))
    found = np.array([Ball(image, True).of_units(first) for image in x])
    found = found.reshape(len(x), 2, first.outputs)
    return found[:, 0], found[:, 1]


class Group(object):
    """The images of one predicted class c: their Lipschitz constants towards each rival j."""

    def __init__(self, network, gram, predicted, z, norms):
        self._z = z
        self._down, self._up = norms
        activation = network.stages[0].activation
        self._slope = functools.partial(SLOPES[activation.name], scale=activation.scale)
        self._pairs = {}
        weights = network.head.weights
        for j in range(weights.shape[1]):
            if j != predicted:
                between = weights[:, predicted] - weights[:, j]
                beta = np.outer(between, between) * gram
                whole = np.linalg.norm(between) * map_norms(network)[0]
                self._pairs[j] = np.maximum(beta, 0), np.minimum(beta, 0), whole

    @property
    def rivals(self):
        """The classes other than c, in order."""
        return list(self._pairs)

    def constants(self, j, rows, radius):
        """L_j on the balls of radius [m] around the images `rows` [m]: [m]."""
        positive, negative, whole = self._pairs[j]
        highest = self._slope(self._z[rows] + radius[:, None] * self._up[rows])
        lowest = self._slope(self._z[rows] - radius[:, None] * self._down[rows])
        square = (np.einsum('ij,ij->i', highest @ positive, highest) +
                  np.einsum('ij,ij->i', lowest @ negative, lowest))
        return np.minimum(np.sqrt(np.maximum(square, 0) * UP), whole)


def certify_class(group, margins, integral):
    """(radius [n], runner-up [n]) of the images of one class, margins [n, k].

    The rival whose linear boundary is nearest is solved for first. Every other one is looked at
    once, at that radius: nearly all are farther.
    """
    n = len(margins)
    everything = np.arange(n)
    linear = np.full(margins.shape, np.inf)
    for j in group.rivals:
        constants = group.constants(j, everything, np.zeros(n))
        linear[:, j] = margins[:, j] / np.maximum(constants, 1e-300)
    nearest = linear.argmin(axis=1)
    limits = np.minimum(linear.min(axis=1), 1e3)
    solve = integrate if integral else cross
    radius = np.zeros(n)
    for j in np.unique(nearest):
        rows = np.flatnonzero(nearest == j)
        radius[rows] = solve(group, j, rows, margins[rows, j], limits[rows])
    runner_up = nearest.copy()
    for j in group.rivals:
        others = np.flatnonzero(nearest != j)
        used = radius[others] * group.constants(j, others, radius[others])
        rows = others[used > margins[others, j]]
        if len(rows):
            found = solve(group, j, rows, margins[rows, j], limits[rows])
            closer = found < radius[rows]
            radius[rows[closer]], runner_up[rows[closer]] = found[closer], j
    return radius, runner_up


def cross(group, j, rows, margins, high):
    """R with R L_j(R) = margin, from below: [m]; `high` is not below it.

    L rises, so margin / L(R) lies across the root from R: each evaluation moves both ends.
    """
    low, high = np.zeros(len(rows)), high.copy()
    active = np.arange(len(rows))
    while len(active):
        r = (low[active] + high[active]) / 2
        constants = group.constants(j, rows[active], r)
        across = margins[active] / np.maximum(constants, 1e-300)
        low[active] = np.maximum(low[active], np.minimum(r, across))
        high[active] = np.minimum(high[active], np.maximum(r, across))
        active = active[high[active] > low[active] * (1 + TOLERANCE)]
    return low


def integrate(group, j, rows, margins, high):
    """R with the right-end sum of ∫ L_j dr at most the margin, over NODES nodes up to `high`: [m].
    """
    step = high / NODES
    used = np.zeros(len(rows))
    radius = high.copy()
    active = np.arange(len(rows))
    for node in range(1, NODES + 1):
        constants = group.constants(j, rows[active], node * step[active])
        after = used[active] + step[active] * constants
        done = after > margins[active]
        i = active[done]
        radius[i] = (node - 1) * step[i] + (margins[i] - used[i]) / constants[done]
        used[active] = after
        active = active[~done]
    return radius
