"""Exact minimal l2 perturbations of ReLU networks with one hidden layer; NumPy and SciPy, float64.

Where the activation pattern is fixed, the network is linear, and the closest image that is given
another class solves a quadratic program. The patterns are the leaves of a tree in which each node
fixes one more unit. A node relaxes the units that are open to a line, which bounds the distance
below; nodes whose bound is not below the best image found are left out.
"""
import collections
import heapq
import itertools

import numpy as np
from scipy.optimize import nnls

BOX = (0., 1.)
OPEN = 1e-9      # relative: a node is searched if its bound is so much below the best image
CROSSED = 1e-10  # of the lead, relative to its largest term: a point with less is on the boundary


class HiddenLayer(collections.namedtuple('HiddenLayer', 'weights bias out_weights out_bias')):
    """logits = relu(x weights + bias) out_weights + out_bias: arrays [d, m], [m], [m, k], [k]."""

    def logits(self, x):
        """[n, d] -> [n, k], in float64."""
        hidden = np.maximum(np.float64(x) @ self.weights + self.bias, 0)
        return hidden @ self.out_weights + self.out_bias


def random_network(d, m, k, rng):
    """A HiddenLayer whose units bend inside the box and whose classes are all met there."""
    weights = rng.randn(d, m) * np.sqrt(2. / d)
    bias = 0.3 * rng.randn(m) - 0.5 * weights.sum(axis=0)
    network = HiddenLayer(weights, bias, rng.randn(m, k) * np.sqrt(2. / m), np.zeros(k))
    middle = network.logits(rng.uniform(size=(1000, d))).mean(axis=0)
    return HiddenLayer(*(np.float64(np.float32(part)) for part in network._replace(
        out_bias=-middle)))


Minimum = collections.namedtuple('Minimum', 'distance bound x_adv')
Minimum.__doc__ = """distance: l2 from x to x_adv [d], which is on the boundary, infinite where no
image has another class; bound: no image that has another class is closer than this."""


def least_distance(rows, limits):
    """The shortest u with rows u >= limits: (u [d], a lower bound of its length).

    Lawson and Hanson's least distance programming (Solving Least Squares Problems, 1974, chapter
    23). The bound holds for whatever NNLS returns, by weak duality: limits l / ||rows^T l|| for
    l >= 0. It is infinite, and u None, where the rows contradict each other.
    """
    d = rows.shape[1]
    target = np.zeros(d + 1)
    target[d] = 1.
    duals, _ = nnls(np.vstack([rows.T, limits]), target, maxiter=50 * len(limits))
    pull = rows.T @ duals
    length = np.linalg.norm(pull)
    left = 1. - limits @ duals
    if left < 1e-13:
        return None, np.inf
    return pull / left, limits @ duals / length if length else 0.


class _Pair(object):
    """The images that the network gives class t rather than y, seen from x."""

    def __init__(self, network, x, y, t):
        self.x = np.float64(x)
        self.weights = np.float64(network.weights)
        self.at_x = self.x @ self.weights + network.bias
        self.out = np.float64(network.out_weights[:, y] - network.out_weights[:, t])
        self.bias = float(network.out_bias[y] - network.out_bias[t])
        self.norms = np.maximum(np.linalg.norm(self.weights, axis=0), 1e-300)
        up = np.where(self.weights > 0, BOX[1] - self.x[:, None], BOX[0] - self.x[:, None])
        down = np.where(self.weights > 0, BOX[0] - self.x[:, None], BOX[1] - self.x[:, None])
        self.highest = self.at_x + (up * self.weights).sum(axis=0)
        self.lowest = self.at_x + (down * self.weights).sum(axis=0)

    def lead(self, u):
        """f_y - f_t at x + u, and the size of its terms."""
        terms = self.out * np.maximum(self.at_x + u @ self.weights, 0)
        return terms.sum() + self.bias, np.abs(terms).sum() + abs(self.bias)

    def relax(self, signs, radius):
        """The least distance with the units of signs [m] fixed (1: on, -1: off, 0: open) within
        `radius`: (bound, u or None, the relaxation's error in each open unit [m]).
        """
        low = np.maximum(self.lowest, self.at_x - radius * self.norms)
        high = np.minimum(self.highest, self.at_x + radius * self.norms)
        on = (signs > 0) | (signs == 0) & (low >= 0)
        off = (signs < 0) | (signs == 0) & (high <= 0) & ~on
        loose = ~on & ~off
        # out relu(z) is above out slope z + out height: exact where the unit is fixed, the chord
        # from low to high where out < 0, a tangent where out > 0.
        chord = np.where(loose, high / np.where(loose, high - low, 1.), 0.)
        tangent = np.where(self.at_x > 0, 1., 0.)
        slope = np.where(on, 1., np.where(loose, np.where(self.out < 0, chord, tangent), 0.))
        height = np.where(loose & (self.out < 0), -chord * low, 0.)
        scaled = self.out * slope
        fixed = signs != 0
        d = len(self.x)
        rows = np.vstack([
            -(self.weights @ scaled)[None], (signs * self.weights)[:, fixed].T,
            np.eye(d), -np.eye(d)])
        limits = np.concatenate([
            [(scaled * self.at_x + self.out * height).sum() + self.bias],
            -(signs * self.at_x)[fixed], BOX[0] - self.x, self.x - BOX[1]])
        size = np.linalg.norm(rows, axis=1)
        if ((size == 0) & (limits > 0)).any():
            return np.inf, None, None
        rows, limits = rows[size > 0], limits[size > 0]
        size = size[size > 0]
        u, bound = least_distance(rows / size[:, None], limits / size)
        if u is None:
            return np.inf, None, None
        z = self.at_x + u @ self.weights
        error = np.where(loose, self.out * (np.maximum(z, 0) - slope * z - height), 0.)
        return bound, u, error


def smallest_perturbation(network, x, y):
    """The Minimum of one image x [d] in [0, 1] with label y, over every class and the box.

    network: a HiddenLayer. An image that has another class to begin with is its own Minimum.
    """
    pairs = [_Pair(network, x, y, t) for t in range(len(network.out_bias)) if t != y]
    best, best_u = np.inf, None
    order = itertools.count()
    waiting = [(0., next(order), pair, np.zeros(len(network.bias), int)) for pair in pairs]
    while waiting and waiting[0][0] < (1 - OPEN) * best:
        _, _, pair, signs = heapq.heappop(waiting)
        bound, u, error = pair.relax(signs, best)
        if bound >= (1 - OPEN) * best:
            continue
        lead, size = pair.lead(u)
        length = np.linalg.norm(u)
        if lead <= CROSSED * size or error.max() <= CROSSED * size:
            if length < best:
                best, best_u = length, u
            continue
        unit = int(error.argmax())
        for sign in (1, -1):
            child = signs.copy()
            child[unit] = sign
            heapq.heappush(waiting, (bound, next(order), pair, child))
    bound = min([best] + [node[0] for node in waiting])
    return Minimum(best, bound, None if best_u is None else pairs[0].x + best_u)
