"""The exact solver against optima solved by hand and closed forms; the boundary attack against it.
"""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import boundary
from benchmarks.exact import HiddenLayer, random_network, smallest_perturbation
from tests.known import LinearModel, attack_images, fallen


def diamond(radius):
    """Class 1 where |v_0 - 1/2| + |v_1 - 1/2| < radius, else class 0."""
    weights = np.array([[1., -1., 0., 0.], [0., 0., 1., -1.]])
    bias = np.array([-.5, .5, -.5, .5])
    return HiddenLayer(weights, bias, np.stack([np.ones(4), np.zeros(4)], axis=1),
                       np.array([-radius, 0.]))


@pytest.mark.parametrize('x, y, distance, nearest', [
    ([.5, .5], 1, .2 / np.sqrt(2), None),          # the middle: four sides alike
    ([.5, 1.], 0, .3, [.5, .7]),                   # above a corner: the corner itself
    ([.9, .9], 0, .6 / np.sqrt(2), [.6, .6]),      # beside a side: straight onto it
    ([.55, .6], 1, .05 / np.sqrt(2), [.575, .625]),
])
def test_a_diamond(x, y, distance, nearest):
    found = smallest_perturbation(diamond(.2), np.array(x), y)
    assert abs(found.distance - distance) < 1e-8
    assert found.bound <= found.distance <= found.bound * (1 + 1e-8)
    if nearest:
        assert np.allclose(found.x_adv, nearest, atol=1e-7)


def test_a_wall_of_the_box_is_kept():
    """Class 1 where v_0 + v_1 >= 1.5; from (0.9, 0) the straight way would leave the box."""
    network = HiddenLayer(np.array([[1.], [1.]]), np.zeros(1), np.array([[0., 1.]]),
                          np.array([1.5, 0.]))
    found = smallest_perturbation(network, np.array([.9, 0.]), 0)
    assert abs(found.distance - np.hypot(.1, .5)) < 1e-8
    assert np.allclose(found.x_adv, [1., .5], atol=1e-7)


def test_a_class_out_of_reach_is_infinitely_far():
    network = HiddenLayer(np.eye(2), np.zeros(2), np.array([[0., 1.], [0., 1.]]),
                          np.array([3., 0.]))
    found = smallest_perturbation(network, np.array([.3, .2]), 0)
    assert found.distance == np.inf and found.x_adv is None


def test_where_every_unit_is_on_it_is_the_linear_models():
    """relu(x) = x in the box, so that the network is linear: tests.known has its closed form."""
    rng = np.random.RandomState(0)
    model = LinearModel(rng.randn(6, 3), np.zeros(3))
    model.bias -= model.logits(rng.uniform(size=(500, 6))).mean(axis=0)
    network = HiddenLayer(np.eye(6), np.zeros(6), model.weights, model.bias)
    x = rng.uniform(size=(20, 6))
    logits = model.logits(x)
    y = logits.argmax(axis=1)
    rows = np.arange(len(x))
    distances = [fallen(x, model.weights.T[y] - w, logits[rows, y] - logits[:, k])
                 for k, w in enumerate(model.weights.T)]
    distances = np.where(np.arange(3)[:, None] == y, np.inf, distances).min(axis=0)
    found = [smallest_perturbation(network, *image).distance for image in zip(x, y)]
    assert np.allclose(found, distances, rtol=1e-7)


def test_restarts_bring_the_boundary_attack_to_the_minimum(session):
    """On a network on which one image in seven ends in another local minimum without them."""
    rng = np.random.RandomState(0)
    network = random_network(2, 8, 3, rng)
    x = np.float32(rng.uniform(size=(200, 2)))
    y = np.int32(network.logits(x).argmax(axis=1))
    minima = np.array([smallest_perturbation(network, *image).bound for image in zip(x, y)])

    def model(images):
        weights, bias, out_weights, out_bias = [np.float32(part) for part in network]
        return tf.matmul(tf.nn.relu(tf.matmul(images, weights) + bias), out_weights) + out_bias

    share = {}
    for restarts in (0, 5):
        x_adv, _ = attack_images(session, boundary, model, x, y, restarts=restarts)
        assert (network.logits(x_adv).argmax(axis=1) != y).all()
        ratio = np.linalg.norm(np.float64(x_adv) - x, axis=1) / minima
        assert ratio.min() >= 1.
        share[restarts] = np.mean(ratio < 1.01)
    assert share[0] < .9 and share[5] > .96
