"""CROWN against a second implementation, known answers, and what is sampled in the ball."""
import importlib

from utils.errors import UserError

import numpy as np
import pytest

from certificates import (
    CERTIFICATES,
    RELU,
    Activation,
    Convolution,
    Dense,
    MaxPool,
    Network,
    certify,
)
from certificates.crown import ball_of, gradients, linear_margins
from certificates.radius import rivals_of
from tests.certificates.reference import (
    SHAPE,
    convolutional,
    crown_margins,
    dense_network,
    forward,
    images_with_walls,
)

local = importlib.import_module('certificates.local_lip')
DEEP = ['crown', 'crown_box', 'local_lip', 'local_lip_box']
NETWORKS = {
    'mlp': (dense_network(0, (20, 30, 25, 20, 4)), (20,)),
    'valid': (convolutional(1, padding='VALID'), SHAPE),
    'same': (convolutional(2, stride=2), SHAPE),
    'strided': (convolutional(3, stride=2, padding='VALID', pooled=False), SHAPE),
}


def margins_of(network, x, radius, box):
    """(lower bounds of the margins of one image, Relaxed stages)."""
    values = [value[0] for value in network.forward(x.reshape(1, -1))]
    rows = rivals_of(values[-1].argmax(), len(values[-1]))[1]
    (centre, falls), relaxed = linear_margins(network, ball_of(network, x.ravel(), box), values,
                                              radius, rows)
    return centre - radius * falls, relaxed


@pytest.mark.parametrize('name', sorted(NETWORKS))
@pytest.mark.parametrize('box', [False, True])
def test_margins_are_those_of_the_second_implementation(name, box):
    layers, shape = NETWORKS[name]
    network = Network(layers, shape)
    signs = set()
    for x in images_with_walls(10, shape):
        assert np.allclose(network.forward(x.reshape(1, -1))[-1][0], forward(layers, shape, x),
                           atol=1e-12)
        for radius in (0.02, 0.2, 1.):
            expected = crown_margins(layers, shape, x, radius, box)
            found = margins_of(network, x, radius, box)[0]
            assert np.abs(found - expected).max() <= 1e-9 * max(1, np.abs(expected).max())
            signs |= set(np.sign(expected))
    assert signs == {-1, 1}


@pytest.mark.parametrize('name', sorted(NETWORKS))
def test_what_is_sampled_in_the_ball_stays_in_the_bounds(name):
    layers, shape = NETWORKS[name]
    network = Network(layers, shape)
    rng = np.random.RandomState(0)
    share = 0.
    for x in images_with_walls(3, shape, seed=1):
        x = x.ravel()
        values = [value[0] for value in network.forward(x[None])]
        rows = rivals_of(values[-1].argmax(), len(values[-1]))[1]
        for radius, box in ((0.1, False), (0.5, False), (0.5, True)):
            ball = ball_of(network, x, box)
            relaxed = margins_of(network, x, radius, box)[1]
            constants = local.lipschitz(network, ball, relaxed, rows)
            directions = rng.randn(400, len(x))
            directions *= (radius / np.linalg.norm(directions, axis=1))[:, None]
            points = x + directions * rng.uniform(0, 1, (400, 1)) ** (1. / 4)
            if box:
                points = np.clip(points, 0, 1)
            sampled = network.forward(points)
            for known, z in zip(relaxed, sampled):
                assert (z >= known.low - 1e-9).all() and (z <= known.high + 1e-9).all()
            for i in range(0, 400, 10):
                gradient = gradients(network, [value[i] for value in sampled], rows)
                falls = ball.falls(gradient)
                assert (falls <= constants * (1 + 1e-9)).all()
                share = max(share, (falls / constants).max())
    assert share > 0.3   # so the test could fail


def test_a_network_whose_units_are_all_on_is_linear():
    rng = np.random.RandomState(0)
    layers = [Dense(rng.uniform(0, 1, (5, 6)), np.full(6, 50.)), RELU,
              Dense(rng.uniform(0, 1, (6, 6)), np.full(6, 50.)), RELU,
              Dense(rng.randn(6, 3), np.zeros(3))]
    x = rng.uniform(0.4, 0.6, (20, 5))
    logits = Network(layers).forward(x)[-1]
    layers[-1] = layers[-1]._replace(bias=-logits.mean(axis=0))   # so that the classes are close
    network = Network(layers)
    logits = network.forward(x)[-1]
    slopes = layers[0].weights @ layers[2].weights @ layers[4].weights
    for name in ('crown', 'local_lip'):
        found = CERTIFICATES[name](network, x)
        for i, c in enumerate(logits.argmax(axis=1)):
            exact = {j: (logits[i, c] - logits[i, j]) / np.linalg.norm(slopes[:, c] - slopes[:, j])
                     for j in range(3) if j != c}
            j = min(exact, key=exact.get)
            assert exact[j] * (1 - 1e-6) <= found.radius[i] <= exact[j] and found.runner_up[i] == j


def test_the_tent_has_radius_one():
    """f = (1 - |x|, 0) in one dimension, at 0."""
    layers = [Dense(np.array([[1., -1.]]), None), RELU,
              Dense(np.array([[-1., 0.], [-1., 0.]]), np.array([1., 0.]))]
    for name in ('crown', 'local_lip'):
        assert CERTIFICATES[name](Network(layers), np.zeros((1, 1))).radius[0] == pytest.approx(
            1, rel=2e-3)
    assert CERTIFICATES['one_hidden'](Network(layers), np.zeros((1, 1))).radius[0] == pytest.approx(
        np.sqrt(0.5), rel=1e-6)


def test_margins_fall_with_the_radius():
    layers, shape = NETWORKS['mlp']
    for x in images_with_walls(5, shape):
        found = [margins_of(Network(layers), x, radius, False)[0].min()
                 for radius in np.linspace(0.01, 1, 25)]
        assert (np.diff(found) < 0).all()


def test_the_order_and_the_scale_of_units_change_nothing():
    layers, shape = NETWORKS['mlp']
    rng = np.random.RandomState(0)
    order, scale = rng.permutation(30), rng.uniform(0.2, 5, 30)
    first, second = layers[0], layers[2]
    other = [Dense((first.weights * scale)[:, order], (first.bias * scale)[order]), RELU,
             Dense((second.weights / scale[:, None])[order], second.bias)] + layers[3:]
    for x in images_with_walls(5, shape):
        for radius in (0.1, 0.6):
            one, two = (margins_of(Network(some), x, radius, True)[0] for some in (layers, other))
            assert np.abs(one - two).max() <= 1e-12 * np.abs(one).max()


@pytest.mark.parametrize('seed', [0, 1, 3, 4, 5, 6])
def test_no_certificate_is_above_brute_force(seed):
    """Networks on the plane: the closest point of another class, on a fine grid of rays."""
    layers = dense_network(seed, (2, 8, 8, 3), 2.)
    network = Network(layers)
    x = images_with_walls(8, (2,), seed)
    logits = network.forward(x)[-1]
    angles = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    radii = np.linspace(0, 3, 601)[1:]
    found = {name: CERTIFICATES[name](network, x).radius for name in DEEP + ['global']}
    compared = 0
    for i, c in enumerate(logits.argmax(axis=1)):
        points = x[i] + radii[:, None, None] * rays
        other = network.forward(points.reshape(-1, 2))[-1].argmax(axis=1) != c
        other = other.reshape(len(radii), -1)
        inside = ((points >= 0) & (points <= 1)).all(axis=2)
        for name, radius in found.items():
            reached = (other & inside if name.endswith('_box') else other).any(axis=1)
            closest = radii[reached.argmax()] if reached.any() else np.inf
            assert radius[i] <= closest, name
            compared += closest < np.inf
        assert found['local_lip'][i] >= found['global'][i] * (1 - 1e-6)
    assert compared > 10


def test_the_box_helps_where_pixels_are_at_its_walls():
    layers, shape = NETWORKS['mlp']
    x = images_with_walls(8, shape)
    for name in ('crown', 'local_lip'):
        without, within = (CERTIFICATES[which](Network(layers), x).radius
                           for which in (name, name + '_box'))
        assert (within >= without * (1 - 3e-3)).all() and within.mean() > 1.05 * without.mean()


def test_a_finer_integral_is_larger(monkeypatch):
    layers, shape = NETWORKS['mlp']
    x = images_with_walls(4, shape)
    found = []
    for nodes in (4, 8, 16):
        monkeypatch.setattr(local, 'NODES', nodes)
        found.append(local.local_lip(Network(layers), x).radius)
    for coarse, fine in zip(found, found[1:]):
        assert (coarse <= fine * (1 + 1e-9)).all() and coarse.mean() < fine.mean()


def test_plain_weights_are_a_network_and_a_tie_certifies_nothing():
    rng = np.random.RandomState(0)
    matrices = [rng.randn(4, 6), rng.randn(6, 3)]
    x = rng.uniform(size=(3, 4))
    plain = certify(matrices, x)
    assert (plain.radius > 0).all()
    pairs = certify([(matrices[0], np.zeros(6)), (matrices[1], np.zeros(3))], x)
    assert (plain.radius == pairs.radius).all()
    for name in ('crown', 'local_lip', 'global', 'one_hidden'):
        assert (certify([matrices[0], np.zeros((6, 3))], x, name).radius == 0).all()


@pytest.mark.parametrize('layers,message', [
    ([Dense(np.ones((4, 2)), None), RELU], 'the last layer is Activation'),
    ([Dense(np.ones((4, 3)), None), Dense(np.ones((3, 2)), None)], 'expected an activation'),
    ([Dense(np.ones((4, 3)), None), RELU, Dense(np.ones((5, 2)), None)], 'takes 5 inputs'),
    ([Convolution(np.ones((2, 2, 1, 3)), None), RELU, Dense(np.ones((3, 2)), None)],
     'expected images of shape'),
    ([Dense(np.ones((4, 3)), None), RELU, MaxPool(2), Dense(np.ones((3, 2)), None)],
     'expected a convolution before it'),
    ([Dense(np.full((4, 2), np.nan), None)], 'not a finite number'),
])
def test_what_is_no_network_is_one_line(layers, message):
    with pytest.raises(UserError) as error:
        Network(layers)
    assert message in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('architecture', sorted(NETWORKS))
def test_no_images_have_no_certificates(architecture):
    """This is how test.py asks whether a certificate applies."""
    layers, shape = NETWORKS[architecture]
    network = Network(layers, shape if len(shape) == 3 else None)
    for name in DEEP + ['global']:
        assert CERTIFICATES[name](network, np.zeros((0, network.inputs))).radius.shape == (0,)


def test_a_certificate_that_does_not_apply_is_one_line():
    tanh = [Dense(np.ones((4, 3)), None), Activation('tanh'), Dense(np.ones((3, 2)), None)]
    x = np.full((1, 4), 0.5)
    for name in ('crown', 'local_lip', 'one_hidden'):
        with pytest.raises(UserError, match='tanh'):
            certify(tanh, x, name)
    assert certify(tanh, x, 'global').radius[0] == 0
    with pytest.raises(UserError, match='3 hidden'):
        certify(dense_network(0, (4, 3, 3, 3, 2)), x, 'one_hidden')
    with pytest.raises(UserError, match=r'take \[0, 1\]'):
        certify(dense_network(0, (4, 3, 2)), x + 1, 'crown_box')
