"""Norms, projections, means and the Jacobian, against NumPy."""
from utils.ops import (
    confidence,
    lp_norm,
    mask_class,
    masked_mean,
    prediction,
    project_ball,
    project_box,
    select_class,
    steepest,
)

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks.jacobian import jacobian
from models import build_model
from models.layers import flatten
from models.network import Network

R = np.float32(np.random.RandomState(0).randn(6, 3, 4, 1))


@pytest.mark.parametrize('ord', [1, 2, np.inf])
def test_lp_norm_is_numpys(session, ord):
    assert np.allclose(session.run(lp_norm(tf.constant(R), ord)),
                       np.linalg.norm(R.reshape(6, -1), ord, axis=1), rtol=1e-6)


def test_lp_norm_refuses_other_norms():
    with pytest.raises(ValueError, match='ord is 3'):
        lp_norm(tf.constant(R), 3)


@pytest.mark.parametrize('ord', [2, np.inf])
def test_project_ball_shortens_only_what_is_longer(session, ord):
    norms = np.linalg.norm(R.reshape(6, -1), ord, axis=1)
    bound = np.median(norms)
    projected = session.run(project_ball(tf.constant(R), bound, ord))
    assert np.allclose(np.linalg.norm(projected.reshape(6, -1), ord, axis=1),
                       np.minimum(norms, bound), rtol=1e-5)
    assert np.array_equal(projected[norms < bound], R[norms < bound])


def test_project_box(session):
    assert session.run(project_box(tf.constant([-1., 0.3,
                                                2.]))).tolist() == [0., np.float32(0.3), 1.]


@pytest.mark.parametrize('ord,dual', [(2, 2), (np.inf, 1)])
def test_steepest_has_unit_norm_and_the_largest_inner_product(session, ord, dual):
    direction = session.run(steepest(tf.constant(R), ord)).reshape(6, -1)
    assert np.allclose(np.linalg.norm(direction, ord, axis=1), 1, rtol=1e-5)
    assert np.allclose((direction * R.reshape(6, -1)).sum(axis=1),
                       np.linalg.norm(R.reshape(6, -1), dual, axis=1), rtol=1e-5)


def test_masked_mean(session):
    values = tf.constant([1., 2., np.inf, 4.])
    assert session.run(masked_mean(values, tf.constant([True, False, False, True]))) == 2.5


def test_masked_mean_of_nothing_is_zero_with_zero_gradient(session):
    values = tf.constant([1., 2.])
    mean = masked_mean(values, tf.constant([False, False]))
    assert session.run(mean) == 0
    assert session.run(tf.gradients(mean, values)[0]).tolist() == [0, 0]


def test_class_helpers(session):
    logits = tf.constant([[1., 3., 2.], [0., 0., 5.]])
    assert session.run(prediction(logits)).tolist() == [1, 2]
    assert session.run(select_class(logits, tf.constant([2, 0]))).tolist() == [2, 0]
    expected = np.exp(3) / np.exp([1, 3, 2]).sum()
    assert session.run(confidence(logits))[0] == pytest.approx(expected, rel=1e-6)


def smooth_conv(layers, x):
    """A convolutional network without kinks."""
    net = tf.nn.softplus(layers.conv(x, 4, 5, 'conv0'))
    return layers.dense(flatten(net), 4, 'logits')


@pytest.mark.parametrize(
    'model', [build_model('mlp', 4, 3, '20', 'softplus'),
              Network('model', 1, smooth_conv)], ids=['mlp', 'conv'])
def test_jacobian_against_finite_differences(session, model):
    rng = np.random.RandomState(0)
    images = np.float32(rng.uniform(size=(2, 28, 28, 1)))
    x = tf.placeholder(tf.float32, images.shape)
    logits = model(x)
    jac = jacobian(logits, x)
    session.run(tf.global_variables_initializer())
    gradients = session.run(jac, {x: images})
    assert gradients.shape == (2, 4, 28, 28, 1)
    for _ in range(3):
        r = 1e-2 * rng.uniform(-1, 1, images.shape)
        difference = session.run(logits, {x: images + r}) - session.run(logits, {x: images - r})
        along = 2 * (gradients * r[:, np.newaxis]).sum(axis=(2, 3, 4))
        assert np.allclose(along, difference, rtol=1e-2, atol=1e-2 * np.abs(difference).max())


def test_masks_hold_for_logits_of_any_size(session):
    """Neither a large logit nor an infinite one gets through, and the gradient stays finite."""
    logits = tf.constant([[1e12, 5., 3.], [1., -np.inf, 2.]])
    y = tf.constant([0, 2])
    masked = mask_class(logits, y)
    assert session.run(masked).tolist() == [[-np.inf, 5., 3.], [1., -np.inf, -np.inf]]
    assert session.run(select_class(logits, tf.constant([1, 1]))).tolist() == [5., -np.inf]
    gap = select_class(logits, y) - tf.reduce_max(masked, axis=1)
    expected = [[1., -1., 0.], [-1., 0., 1.]]
    assert session.run(tf.gradients(gap, logits)[0]).tolist() == expected
