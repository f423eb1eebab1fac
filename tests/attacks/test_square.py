"""The Square attack: what it returns, on models with and without a gradient, and its bumps."""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import square
from attacks.square import bump, square_sides
from tests.known import attack_images, placeholders

SIDE = 12
DIRECTION = np.random.RandomState(5).randn(SIDE, SIDE, 1)
DIRECTION /= np.linalg.norm(DIRECTION)


def score(x):
    """Float64: how far an image is behind the plane between the two classes, in l2: [n]."""
    return ((np.float64(x) - .5) * DIRECTION).sum(axis=(1, 2, 3)) + .02


def without_gradient(x):
    """Two classes on either side of a plane; the logits are rounded to steps of 1e-3."""
    behind = tf.reduce_sum((x - .5) * np.float32(DIRECTION), axis=[1, 2, 3]) + .02
    behind = tf.stop_gradient(tf.round(behind * 1e3) / 1e3)
    return tf.stack([tf.zeros_like(behind), behind], axis=1)


@pytest.fixture
def images():
    """Right ones of class 1, between 0.3 and 0.6 from the plane; every fourth is given as class 0.
    """
    rng = np.random.RandomState(0)
    x = rng.uniform(.2, .8, (16, SIDE, SIDE, 1))
    x += (rng.uniform(.3, .6, 16) - score(x))[:, None, None, None] * DIRECTION
    return np.float32(x), np.int32(np.arange(16) % 4 != 0)


def norms(x_adv, x):
    return np.linalg.norm((np.float64(x_adv) - x).reshape(len(x), -1), axis=1)


def test_it_fools_a_model_that_has_no_gradient(session, images):
    x, y = images
    x_adv, steps = attack_images(session, square, without_gradient, x, y, epsilon=2.5,
                                 queries=1000)
    fooled = score(x_adv) < 0
    assert fooled[y == 1].all() and (steps[y == 1] < 1000).all()
    assert norms(x_adv, x).max() <= 2.5 * (1 + 1e-6)
    assert x_adv.min() >= 0. and x_adv.max() <= 1.
    assert np.array_equal(x_adv[y == 0], x[y == 0]) and (steps[y == 0] == 0).all()


def test_inside_each_images_own_distance_it_finds_nothing(session, images):
    """Where it fails, the image with the least margin comes back."""
    x, y = images
    radius = np.float32(.97 * score(x))
    x_adv, steps = attack_images(session, square, without_gradient, x, y, queries=300,
                                 epsilon=tf.constant(radius))
    assert (score(x_adv) > 0).all() and (steps[y == 1] == 300).all()
    assert (norms(x_adv, x)[y == 1] <= radius[y == 1] * (1 + 1e-6)).all()
    assert (score(x_adv) < score(x) - .1 * radius)[y == 1].all()


def test_more_queries_bring_it_closer(session, images):
    x, y = images
    few, _ = attack_images(session, square, without_gradient, x, y, epsilon=.2, queries=1)
    more, _ = attack_images(session, square, without_gradient, x, y, epsilon=.2, queries=300)
    assert (score(more) < score(few))[y == 1].all()


@pytest.mark.parametrize('slots', [1, 7])
def test_images_that_wait_for_a_place_get_the_same(session, images, slots):
    x, y = images
    together, steps = attack_images(session, square, without_gradient, x, y, queries=60)
    apart, same = attack_images(session, square, without_gradient, x, y, queries=60, slots=slots)
    assert np.allclose(together, apart, atol=1e-5) and np.array_equal(steps, same)
    assert len(set(steps)) > 3


def test_the_noise_says_what_is_drawn(session, images):
    x, y = images
    runs = [attack_images(session, square, without_gradient, x, y, noise=Noise(seed), queries=20)[0]
            for seed in (0, 0, 1)]
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])
    same = np.tile(x[1:2], [3, 1, 1, 1])
    x_adv, _ = attack_images(session, square, without_gradient, same, y[[1, 1, 1]], queries=20)
    assert norms(x_adv[:2], x_adv[1:]).min() > .1


def test_colours_have_windows_of_their_own(session):
    x = np.random.RandomState(1).uniform(.3, .7, (4, 11, 14, 3))

    def model(x):
        high = tf.reduce_sum(x[..., 0] - x[..., 2], axis=[1, 2])
        return tf.stack([high - 1e3, -high], axis=1)

    y = np.ones(4, np.int32)
    x_adv, _ = attack_images(session, square, model, np.float32(x), y, epsilon=1., queries=50)
    assert np.allclose(norms(x_adv, x), 1., atol=1e-5)
    moved = (x_adv - x).sum(axis=(1, 2))
    assert (moved[:, 0] > moved[:, 2] + 1.).all()


def test_bumps_are_a_hill_and_a_valley():
    """Side 3 by hand: a row of 1/4, 5/4, 1/4 on top, of norm 1, and two rows of heights below."""
    top = np.array([.25, 1.25, .25]) / np.linalg.norm([.25, 1.25, .25])
    below = np.array([[.25] * 3, [.25, 1.25, .25]])
    by_hand = np.concatenate([top[None], -below / np.linalg.norm(below)]) / np.sqrt(2)
    assert np.allclose(bump(3), by_hand)
    for side in (1, 2, 5, 9):
        assert bump(side).shape == (side, side) and abs(np.linalg.norm(bump(side)) - 1) < 1e-12


def test_squares_shrink_as_published():
    """A tenth of 784 pixels: side 9 at first, then 7, 5 and 3; always odd."""
    sides = square_sides(.1, 10000, 28, 28)
    assert list(sides[[0, 10, 11, 50, 51, 200, 201, 9999]]) == [9, 9, 7, 7, 5, 5, 3, 3]
    assert square_sides(.1, 5000, 28, 28).tolist() == sides[::2].tolist()
    assert square_sides(1., 10, 4, 6).max() == 4


@pytest.mark.parametrize('wrong', [{'epsilon': -.1}, {'queries': 0}, {'share': 0.}])
def test_a_value_out_of_range_is_named(images, wrong):
    with pytest.raises(UserError, match=list(wrong)[0]):
        square(without_gradient, *placeholders(images[0]), **wrong)


def test_no_gradient_passes(images):
    x, y = placeholders(images[0])

    def model(x):
        high = tf.reduce_sum(x, axis=[1, 2, 3])
        return tf.stack([high, -high], axis=1)

    assert tf.gradients(square(model, x, y).x_adv, x) == [None]


def test_vectors_are_no_images(linear):
    model, x, _ = linear
    with pytest.raises(ValueError, match='expected images'):
        square(model, *placeholders(x))
