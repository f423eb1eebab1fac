"""Networks with one hidden layer: Proposition 2.2 against its definition, brute force and SciPy."""
import importlib

import numpy as np
import pytest
from scipy.optimize import minimize

from certificates import CERTIFICATES, Activation, Dense, Network
from tests.certificates.reference import images_with_walls

one_hidden = importlib.import_module('certificates.one_hidden')
KINDS = [Activation('relu'), Activation('softplus', 10.), Activation('lrelu', 0.2)]


def network_of(activation, seed=0, sizes=(6, 20, 4)):
    rng = np.random.RandomState(seed)
    return Network([Dense(rng.randn(*sizes[:2]), 0.2 * rng.randn(sizes[1])), activation,
                    Dense(rng.randn(*sizes[1:]), 0.1 * rng.randn(sizes[2]))])


def constant(network, x, c, j, radius):
    """L_j(R) of one image, term by term."""
    activation = network.stages[0].activation
    slope = one_hidden.SLOPES[activation.name]
    u = network.maps[0].weights
    w = network.head.weights[:, c] - network.head.weights[:, j]
    z = x @ u + network.maps[0].bias
    norms = np.linalg.norm(u, axis=0)
    highest = slope(z + radius * norms, activation.scale)
    lowest = slope(z - radius * norms, activation.scale)
    total = 0.
    for r in range(len(w)):
        for s in range(len(w)):
            beta = w[r] * w[s] * (u[:, r] @ u[:, s])
            total += beta * (highest[r] * highest[s] if beta > 0 else lowest[r] * lowest[s])
    return min(np.sqrt(max(total, 0)), np.linalg.norm(w) * np.linalg.norm(u, 2))


def naive(network, x):
    """min over j of the R with R L_j(R) = f_c - f_j, by halving."""
    logits = network.forward(x[None])[-1][0]
    c = logits.argmax()
    found = {}
    for j in range(len(logits)):
        low, high = 0., 100.
        for _ in range(60 if j != c else 0):
            middle = (low + high) / 2
            if middle * constant(network, x, c, j, middle) <= logits[c] - logits[j]:
                low = middle
            else:
                high = middle
        found[j] = low if j != c else np.inf
    j = min(found, key=found.get)
    return found[j], j


@pytest.mark.parametrize('activation', KINDS, ids=lambda kind: kind.name)
def test_the_fast_search_finds_what_halving_finds(activation):
    network = network_of(activation, sizes=(6, 8, 4))
    x = images_with_walls(20, (6,))
    found = CERTIFICATES['one_hidden_point'](network, x)
    for i in range(len(x)):
        radius, runner_up = naive(network, x[i])
        assert radius * (1 - 1e-4) <= found.radius[i] <= radius * (1 + 1e-9)
        assert found.runner_up[i] == runner_up


@pytest.mark.parametrize('activation', KINDS, ids=lambda kind: kind.name)
def test_integral_point_and_global_are_in_order(activation, monkeypatch):
    network = network_of(activation)
    x = images_with_walls(40, (6,))
    whole, point, integral, box = (CERTIFICATES[name](network, x).radius for name in (
        'global', 'one_hidden_point', 'one_hidden', 'one_hidden_box'))
    assert (point >= whole * (1 - 1e-5)).all() and point.mean() > 1.02 * whole.mean()
    assert (integral >= point * (1 - 1e-6)).mean() > 0.9 and integral.mean() > point.mean()
    assert (box >= integral * (1 - 1e-9)).all() and box.mean() > integral.mean()
    monkeypatch.setattr(one_hidden, 'NODES', 8)
    coarse = CERTIFICATES['one_hidden'](network, x).radius
    assert (coarse <= integral * (1 + 1e-9)).all() and coarse.mean() < integral.mean()


@pytest.mark.parametrize('activation', KINDS, ids=lambda kind: kind.name)
def test_gradients_that_are_sampled_in_the_ball_are_below_the_constant(activation):
    network = network_of(activation)
    rng = np.random.RandomState(0)
    u = network.maps[0].weights
    x = rng.uniform(size=6)
    c = network.forward(x[None])[-1][0].argmax()
    for radius in (0.1, 0.5, 2.):
        delta = rng.randn(2000, 6)
        delta *= radius * rng.uniform(0, 1, (2000, 1)) / np.linalg.norm(delta, axis=1)[:, None]
        slopes = one_hidden.SLOPES[activation.name](network.forward(x + delta)[0],
                                                    activation.scale)
        previous = 0.
        for j in set(range(4)) - {c}:
            w = network.head.weights[:, c] - network.head.weights[:, j]
            norms = np.linalg.norm((slopes * w) @ u.T, axis=1)
            assert norms.max() <= constant(network, x, c, j, radius) * (1 + 1e-12)
            previous = max(previous, norms.max() / constant(network, x, c, j, radius))
        assert previous > 0.3


def test_certificates_are_below_the_closest_point_that_scipy_finds():
    network = network_of(Activation('softplus', 10.), seed=3)
    x = images_with_walls(6, (6,), seed=2)
    found = {name: CERTIFICATES[name](network, x).radius
             for name in ('global', 'one_hidden', 'one_hidden_box', 'one_hidden_point')}
    rng = np.random.RandomState(0)
    for i in range(len(x)):
        c = network.forward(x[i][None])[-1][0].argmax()
        for box in (False, True):
            closest = np.inf
            for j in set(range(4)) - {c}:
                def gap(point):
                    logits = network.forward(point[None])[-1][0]
                    return logits[j] - logits[c]
                for _ in range(4):
                    result = minimize(lambda point: np.sum((point - x[i]) ** 2),
                                      x[i] + 0.3 * rng.randn(6), method='SLSQP',
                                      bounds=[(0, 1)] * 6 if box else None,
                                      constraints=[{'type': 'ineq', 'fun': gap}])
                    if gap(result.x) > -1e-7:
                        closest = min(closest, np.linalg.norm(result.x - x[i]))
            for name, radius in found.items():
                if box or not name.endswith('_box'):
                    assert radius[i] <= closest * (1 + 1e-6), name


def test_a_linear_model_has_its_exact_distance(linear):
    """As a hidden layer that is always on."""
    model, x, y = linear
    layers = [Dense(np.eye(5), np.full(5, 10.)), Activation('relu'),
              Dense(model.weights, model.bias - 10 * model.weights.sum(axis=0))]
    logits = model.logits(x)
    for name in ('one_hidden', 'one_hidden_point', 'crown', 'local_lip', 'global'):
        found = CERTIFICATES[name](Network(layers), x).radius
        for i in range(len(x)):
            exact = min((logits[i, y[i]] - logits[i, j]) /
                        np.linalg.norm(model.weights[:, y[i]] - model.weights[:, j])
                        for j in range(3) if j != y[i])
            assert exact * (1 - 1e-4) <= found[i] <= exact * (1 + 1e-9), name
