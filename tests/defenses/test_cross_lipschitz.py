"""Omega in all its forms against the double sum of eq. 6 in NumPy, in value and in the gradient of
the weights; the margin form by hand.
"""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from defenses import cross_lipschitz
from models import build_model
from models.layers import softplus10
from tests.known import LinearModel

N, D, H, K = 7, 12, 9, 5
EXACT = ('rows', 'jacobian', 'analytic')


class OneHidden(object):
    """A network with one hidden layer in float64, of tensors that gradients can be taken of."""

    def __init__(self, biases, seed=0):
        rng = np.random.RandomState(seed)
        shapes = [(D, H), (H,), (H, K), (K,)] if biases else [(D, H), (H, K)]
        self.arrays = [rng.randn(*shape) / 3 for shape in shapes]
        self.variables = [tf.constant(array) for array in self.arrays]
        self.activation = softplus10
        self.biases = biases

    def __call__(self, x):
        if self.biases:
            u, b, w, c = self.variables
            return tf.matmul(softplus10(tf.matmul(x, u) + b), w) + c
        u, w = self.variables
        return tf.matmul(softplus10(tf.matmul(x, u)), w)

    def gradients(self, x):
        """[n, k, d] in NumPy."""
        u, b, w, _ = self.arrays if self.biases else (self.arrays[0], 0, self.arrays[1], 0)
        slopes = 1 / (1 + np.exp(-10 * (x @ u + b)))
        return np.einsum('dh,nh,hk->nkd', u, slopes, w)


def double_sum(gradients):
    """Eq. 6."""
    n, k, _ = gradients.shape
    return sum(((gradients[:, a] - gradients[:, b]) ** 2).sum()
               for a in range(k) for b in range(k)) / (n * k ** 2)


def images(n=N, seed=1):
    return np.random.RandomState(seed).uniform(size=(n, D))


def omega(form, model, x, noise=None):
    logits = model(x)
    return cross_lipschitz.FORMS[form](model, logits, x, noise)


@pytest.mark.parametrize('biases', [False, True])
def test_exact_forms_are_the_double_sum_and_have_one_gradient(session, biases):
    model, x = OneHidden(biases), tf.constant(images())
    matrices = [v for v in model.variables if v.shape.ndims == 2]
    found = {}
    for form in EXACT:
        value = omega(form, model, x)
        found[form] = session.run([value] + tf.gradients(value, matrices))
        assert found[form][0] == pytest.approx(double_sum(model.gradients(images())), rel=1e-9)
    for form in EXACT[1:]:
        for one, other in zip(found['rows'], found[form]):
            assert np.abs(one - other).max() < 1e-9 * max(1., np.abs(one).max())
    step = 1e-5   # the gradient itself, by differences of the double sum
    value = {}
    for sign in (1, -1):
        model.arrays[0][2, 3] += sign * step
        value[sign] = double_sum(model.gradients(images()))
        model.arrays[0][2, 3] -= sign * step
    slope = (value[1] - value[-1]) / (2 * step)
    assert found['rows'][1][2, 3] == pytest.approx(slope, rel=1e-5)


def test_projection_is_unbiased_and_tight(session):
    """500 draws of one batch: mean and weight gradient within four standard errors of exact."""
    model, x, step = OneHidden(False), tf.constant(images(2)), tf.placeholder(tf.int32, [])
    value = omega('projection', model, x, Noise(1, step))
    drawn = [value, tf.gradients(value, model.variables[0])[0][2, 3]]
    exact = omega('rows', model, x)
    exact = session.run([exact, tf.gradients(exact, model.variables[0])[0][2, 3]])
    draws = np.array([session.run(drawn, {step: i}) for i in range(500)])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - exact) < 4 * error).all()
    assert np.array_equal(session.run(drawn, {step: 3}), draws[3])


def test_two_classes_need_no_luck(session):
    """With K = 2 there is one direction: every draw is exact."""
    linear = LinearModel(np.random.RandomState(0).randn(D, 2), [0., 0.])
    x = tf.constant(np.float32(images()))
    w = linear.weights[:, 0] - linear.weights[:, 1]
    value = session.run(omega('projection', linear, x, Noise(1)))
    assert value == pytest.approx((w @ w) / 2, rel=1e-5)


def test_linear_model_common_function_and_scale(session):
    weights = np.random.RandomState(0).randn(D, K)
    x = tf.constant(np.float32(images()))
    linear = LinearModel(weights, np.zeros(K))
    centred = weights - weights.mean(axis=1, keepdims=True)
    plain = session.run(omega('jacobian', linear, x))
    assert plain == pytest.approx(2. / K * (centred ** 2).sum(), rel=1e-5)
    moved = session.run(omega('jacobian', lambda x: linear(x) + tf.reduce_sum(
        x ** 2, axis=1, keepdims=True), x))
    assert moved == pytest.approx(plain, rel=1e-5)
    scaled = session.run(omega('jacobian', lambda x: 3 * linear(x), x))
    assert scaled == pytest.approx(9 * plain, rel=1e-5)


@pytest.mark.parametrize('power', [1, 2])
def test_margin_form_by_hand(session, power):
    """Two classes, w x the margin: an image far inside, one at the floor, one misclassified."""
    w = np.array([3., -4.])
    linear = LinearModel(np.stack([w, np.zeros(2)], axis=1), [0., 0.])
    points = np.float32([[1., 0.5], [0.25, 0.1875], [0., 1.]])   # margins 1, 0 and -4
    weights = tf.constant(np.float32(linear.weights))
    x = tf.constant(points)
    value = cross_lipschitz.over_margin(tf.matmul(x, weights), x, tf.zeros(3, tf.int32), 0.1, power)
    found, slope = session.run([value, tf.gradients(value, weights)[0]])
    expected = 25. * np.mean([1., 0.1 ** -power, 0.1 ** -power])
    assert found == pytest.approx(expected, rel=1e-4)
    # only the first image's margin is above the floor: d margin / d w = x
    by_hand = 2 * w * np.mean([1., 0.1 ** -power, 0.1 ** -power]) - power * 25. * points[0] / 3
    assert np.allclose(slope[:, 0], by_hand, rtol=1e-4) and np.isfinite(slope).all()


def test_the_loss_is_the_nll_and_lambda_omega(session):
    x = tf.constant(np.float32(images()).reshape(N, 3, 4, 1))
    y = tf.constant(np.int32(np.arange(N) % K))
    model = build_model('mlp1', K, 1, '9')
    totals = {lmbd: cross_lipschitz.losses(model, x, y, Noise(1), lmbd=lmbd, cl_form='rows')
              for lmbd in (0., 0.7)}
    losses = {lmbd: built.updates[0].loss() for lmbd, built in totals.items()}
    metric = totals[0.7].metrics['omega']
    session.run(tf.global_variables_initializer())
    values, metric = session.run([losses, metric])
    assert values[0.7] - values[0.] == pytest.approx(0.7 * metric, rel=1e-3) and metric > 0


def test_what_cannot_be(session):
    x, y = tf.zeros([2, 3, 4, 1]), tf.zeros([2], tf.int32)
    for given, message in (({'cl_form': 'pairs'}, '--cl_form is .pairs.; expected one of analytic'),
                           ({'cl_floor': 0.}, '--cl_floor is 0'),
                           ({'cl_power': 3}, '--cl_power is 3; expected 1 or 2'),
                           ({'cl_form': 'rows'}, 'they take networks with one hidden dense layer')):
        with pytest.raises(UserError, match=message):
            cross_lipschitz.losses(build_model('mlp', K, 1, '8-8'), x, y, Noise(1), **given)
