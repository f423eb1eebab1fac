"""The checks for masked gradients: a linear model passes all, masked ones fail the right ones."""
import functools

from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import boundary, square
from robustness import checks
from tests.known import LinearModel, flat, placeholders


@pytest.fixture
def images():
    """(a linear model of three classes on images 4 x 4, 12 images, their labels)."""
    rng = np.random.RandomState(0)
    weights = rng.randn(16, 3)
    model = LinearModel(weights, -0.5 * weights.sum(axis=0))
    x = np.float32(rng.uniform(.3, .7, (12, 4, 4, 1)))
    y = np.int32(model.logits(x.reshape(12, 16)).argmax(axis=1))
    y[0] = (y[0] + 1) % 3   # wrong to begin with
    return flat(model), x, y


def opened(session, model, x):
    return checks.Network(session, model, *placeholders(x))


def attack(model, x, y, **settings):
    return boundary(model, x, y, restarts=1, **settings)


def free(model, x, y, epsilon):
    return square(model, x, y, noise=Noise(0), epsilon=epsilon, queries=300)


def test_a_linear_model_passes_every_check(session, images):
    model, x, y = images
    network = opened(session, model, x)
    found = checks.find(network, attack, x, y)
    assert found.l2[0] == 0 and (found.l2[1:] > 0).all() and np.isfinite(found.l2).all()
    longer = checks.find(network, functools.partial(attack, refine=80), x, y)
    facts = [checks.gradients(network, found), checks.linearity(network, found),
             checks.convergence(found, longer), checks.random_directions(network, found),
             checks.curve(found), checks.single_step(network, found),
             checks.gradient_free(network, found, free), checks.transfer(network, found, longer)]
    assert all(fact['passed'] for fact in facts), facts
    assert [fact['images'] for fact in facts] == [11, 11, 11, 11, 12, 11, 11, 11]
    assert facts[1]['median'] == pytest.approx(1, abs=1e-3)
    assert facts[4]['accuracy']['0'] == pytest.approx(11 / 12.)


def test_rounded_pixels_have_no_gradient(session, images):
    """And boundary finds nothing where Square does."""
    model, x, y = images
    network = opened(session, lambda v: model(tf.round(8 * v) / 8 + 0 * v), x)
    y = checks.predicted(network, x)
    found = checks.find(network, attack, x, y)
    assert np.isinf(found.l2).all()
    gradient, curve = checks.gradients(network, found), checks.curve(found)
    assert not gradient['passed'] and gradient['count'] == gradient['zero_entropy'] == 12
    assert not curve['passed'] and curve['count'] == 12
    assert not checks.linearity(network, found)['passed']


def test_a_gradient_that_points_elsewhere_is_found_out(session, images):
    """The right logits with the gradient of another model: boundary finds what is too far."""
    model, x, y = images
    weights = np.float32(np.random.RandomState(5).randn(16, 3))

    def misleading(v):
        other = .3 * tf.matmul(tf.reshape(v, [-1, 16]), weights) + .4 * model(v)
        return tf.stop_gradient(model(v) - other) + other

    network = opened(session, misleading, x)
    found = checks.find(network, attack, x, y)
    true = checks.find(opened(session, model, x), attack, x, y)
    assert not checks.linearity(network, found)['passed']
    some = np.isfinite(found.l2) & found.right
    assert (found.l2[some] > 1.05 * true.l2[some]).any()
    moved = checks.transfer(network, found, true)
    assert not moved['passed'] and moved['count'] > 0


def test_what_speaks_against_a_network_is_counted(session, images):
    """Lengths made four times too long: random directions, FGSM and Square come closer; twice the
    steps change rho.
    """
    model, x, y = images
    network = opened(session, model, x)
    found = checks.find(network, attack, x, y)
    far = found._replace(l2=4 * found.l2)
    for fact in (checks.single_step(network, far), checks.gradient_free(network, far, free),
                 checks.random_directions(network, far)):
        assert not fact['passed'] and fact['count'] > 6
    change = checks.convergence(far, found)
    assert not change['passed'] and change['change'] == pytest.approx(-.75)
