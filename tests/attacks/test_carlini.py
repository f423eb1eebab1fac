"""Carlini-Wagner on images at the walls and on logits of any size: what can be fooled is found."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import carlini_wagner
from tests.known import FedModel, LinearModel, attack_images, built_attack, fallen


def at_the_walls(seed, n, d, share):
    """Images [n, d] of zeros and ones, about `share` of them ones."""
    return np.float32(np.random.RandomState(seed).uniform(size=(n, d)) < share)


def classifier(seed, d, k, scale=1.):
    """A linear model whose classes meet in the middle of the box."""
    weights = scale * np.random.RandomState(seed).randn(d, k)
    return LinearModel(weights, -.5 * weights.sum(axis=0))


@pytest.mark.parametrize('d,k,share,abort_early', [
    (20, 2, .5, True), (60, 3, .2, True), (100, 6, .95, True), (100, 6, .95, False)])
def test_images_at_the_walls_are_all_found(session, d, k, share, abort_early):
    model, x = classifier(d, d, k), at_the_walls(k, 12, d, share)
    y = np.int32(model.logits(x).argmax(axis=1))
    # The attack decides in float32, this test in float64: a margin that both can tell from 0.
    x_adv, _ = attack_images(session, carlini_wagner, model, x, y, max_iter=300,
                             abort_early=abort_early, confidence=1e-4)
    assert (model.logits(x_adv).argmax(axis=1) != y).all()
    assert x_adv.min() >= 0 and x_adv.max() <= 1


def test_blank_images_are_found_near_their_exact_distance(session):
    """Two classes, so that the distance inside the box is exact (float64, by bisection)."""
    model = classifier(7, 30, 2)
    x = np.float32([[0.] * 30, [1.] * 30])
    logits = model.logits(x)
    y = np.int32(logits.argmax(axis=1))
    x_adv, _ = attack_images(session, carlini_wagner, model, x, y)
    away = (model.weights[:, y] - model.weights[:, 1 - y]).T
    exact = fallen(x, away, logits[[0, 1], y] - logits[[0, 1], 1 - y])
    length = np.linalg.norm(np.float64(x_adv) - x, axis=1)
    assert (model.logits(x_adv).argmax(axis=1) != y).all()
    assert (exact * (1 - 1e-6) <= length).all() and (length <= 1.03 * exact).all()


@pytest.mark.parametrize('initial_const', [1e-3, 1e3])
def test_logits_of_any_size(session, initial_const):
    """The label leads by more than 1e4 where the scale is large; const times the margin too."""
    fed = FedModel(25, 5)
    x = np.float32(np.random.RandomState(4).uniform(.3, .7, (8, 25)))
    attacked = built_attack(session, carlini_wagner, fed, x, max_iter=200,
                            initial_const=initial_const)
    for scale in (1e-2, 1., 1e4, 1e6):
        model = classifier(3, 25, 5, scale)
        y = np.int32(model.logits(x).argmax(axis=1))
        x_adv, _ = attacked(x, y, fed.feed(model))
        assert (model.logits(x_adv).argmax(axis=1) != y).all()
        assert np.linalg.norm(x_adv - x, axis=1).max() < 1.


def test_a_target_that_is_far_behind(session):
    """Class 2 is 3e4 behind until a pixel moves, and 1 and 0 are near: it is not taken for them."""
    model = LinearModel([[0., 1., 0.], [0., 0., 6e4]], [.3, 0., -4.5e4])
    x, y = np.float32([[.1, .2]]), np.int32([0])
    x_adv, _ = attack_images(session, carlini_wagner, model, x, y, targets=tf.constant([2]))
    assert model.logits(x_adv).argmax(axis=1) == [2] and abs(x_adv[0, 1] - .75) < .02
