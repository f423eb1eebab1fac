"""The measures on histograms that are known, the baselines on linear classifiers, attacks.nag."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import nag
from datasets import Split
from tests.universal.test_nag import SHAPE, flat, images, linear
from universal.measure import Measured, draw_z, measure_baselines
from universal.measures import covering_labels, entropy, histogram, overlap, summary_of
from universal.uap import BASELINES, universal_perturbation

XI = 0.2


def test_measures_of_labels_that_are_known():
    uniform, one, most = np.full(10, 0.1), np.eye(10)[3], np.array([0.95, 0.05])
    assert [covering_labels(shares) for shares in (uniform, one, most)] == [10, 1, 1]
    assert covering_labels(np.array([0.94, 0.06])) == 2
    assert entropy(uniform) == pytest.approx(np.log(10)) and entropy(one) == 0
    assert histogram(np.array([[0, 1], [1, 2]]), 4).tolist() == [0.25, 0.5, 0.25, 0]
    clean = np.array([0, 0, 1, 1])
    pred = np.array([[1, 0, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1]])   # fool {0}, {0, 1}, none
    assert overlap(pred, clean) == pytest.approx((1 / 2 + 0 + 0) / 3)
    deltas = np.stack([np.ones(SHAPE), -np.ones(SHAPE), np.ones(SHAPE)])
    found = summary_of(pred, clean, 2, deltas)
    assert found['fooling_mean'] == pytest.approx(0.25) and found['fooling_best'] == 0.5
    assert found['fooling_sd'] == pytest.approx(np.std([0.25, 0.5, 0]))
    assert found['cosine'] == pytest.approx((-1 + 1 - 1) / 3)
    assert summary_of(pred[:1], clean, 2, deltas[:1])['cosine'] == 1


@pytest.mark.parametrize('ord', ['linf', 'l2'])
def test_baselines_on_two_classes_are_the_sign_of_the_weights(session, ord):
    """All images of one class, and sure: the mean of signs fools those that any delta can."""
    w = np.random.RandomState(1).randn(64)
    xi = XI if ord == 'linf' else 0.8
    fall = xi * (np.abs(w).sum() if ord == 'linf' else np.linalg.norm(w))
    x = images(40)
    bias = fall - np.median(flat(x) @ w)
    model = linear(np.stack([np.zeros(64), 4 * w], axis=1), [0., 4 * bias])
    best = -xi * np.sign(w) if ord == 'linf' else -xi * w / np.linalg.norm(w)
    split = Split(x, np.ones(40, np.int32))
    measured = Measured(session, model, split, 2, 16)
    assert measured.error() == 0
    bound = np.mean(flat(x + best.reshape(SHAPE)) @ w + bias < 0)
    found = measure_baselines(session, model, measured, list(BASELINES), split, xi=xi, ord=ord,
                              seed=1, num_classes=2)
    assert 0.3 < bound < 0.7
    for name in ('mean_fgsm', 'mean_gradient', 'class_mean_fgsm'):
        assert found[name]['fooling_best'] == pytest.approx(bound, abs=0.026), name
        assert found[name]['deltas'] == 1 and found[name]['error'] == found[name]['fooling_mean']
    assert found['random_sign']['fooling_best'] < 0.1 and found['random_sign']['deltas'] == 100
    delta = session.run(universal_perturbation(model, tf.constant(x[:20]), xi, ord))
    norms = np.abs(delta).max() if ord == 'linf' else np.linalg.norm(delta)
    assert norms <= xi + 1e-5
    cosine = flat(delta[None])[0] @ best / np.linalg.norm(delta) / np.linalg.norm(best)
    assert cosine > (0.7 if ord == 'linf' else 0.99)
    assert found['uap']['fooling_mean'] > 0


def test_perturbations_as_an_attack(session):
    """The first that fools is taken, the images that are wrong to begin with stay."""
    w = np.random.RandomState(1).randn(64)
    x = images(30)
    logit = flat(x) @ w
    model = linear(np.stack([np.zeros(64), w], axis=1), [0., -np.median(logit)])
    y = np.int32(logit > np.median(logit))
    y[0] = 1 - y[0]
    step = np.float32(0.1 * np.sign(w).reshape(SHAPE))
    delta = np.stack([np.zeros(SHAPE, 'f'), step, -step])
    x_adv, iterations, success = session.run(nag(model, tf.constant(x), tf.constant(y), delta))
    expected = np.where(y == 0, 2, 3)
    expected[0] = 0
    assert (iterations == expected).all() and success.all()
    assert np.array_equal(x_adv[0], x[0])
    moved = np.where((y == 0).reshape(-1, 1, 1, 1), x + step, x - step)
    assert np.allclose(x_adv[1:], moved[1:], atol=1e-6)
    with pytest.raises(UserError, match='delta has shape'):
        nag(model, tf.constant(x), tf.constant(y), step)
    with pytest.raises(UserError, match='delta has shape'):
        nag(model, tf.constant(x), tf.constant(y))


def test_fewer_perturbations_are_the_first_of_more():
    assert np.array_equal(draw_z(3, 10, 5), draw_z(3, 100, 5)[:10])
    assert np.abs(draw_z(3, 100, 5)).max() <= 1
