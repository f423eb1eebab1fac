"""DDN against closed forms on linear models."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import ddn
from tests.known import LinearModel, attack_images, boundary_distance, fallen, placeholders


def lengths(x_adv, x):
    return np.linalg.norm(np.float64(x_adv) - x, axis=1)


def test_on_a_linear_model_it_is_within_a_percent_of_the_distance(session, binary):
    model, x, y = binary
    x_adv, steps = attack_images(session, ddn, model, x, y)
    ratio = lengths(x_adv, x) / boundary_distance(model, x, y, 1 - y)
    assert (model.logits(x_adv).argmax(axis=1) != y).all()
    assert ratio.min() >= 1. - 1e-6 and ratio.max() <= 1.01
    assert (steps == 100).all()


def test_the_first_steps_by_hand(session):
    """f = (0, x0 - 0.5) from (0.9, 0.5): outside at 1.05, then at 1.05^2 and the wall x0 = 0."""
    model = LinearModel([[0., 1.], [0., 0.]], [0., -.5])
    x = np.float32([[.9, .5]])
    first, _ = attack_images(session, ddn, model, x, np.int32([1]), max_iter=1)
    assert np.array_equal(first, x)
    second, _ = attack_images(session, ddn, model, x, np.int32([1]), max_iter=2, radius=.6)
    assert np.allclose(second, [[.9 - .63, .5]])
    third, _ = attack_images(session, ddn, model, x, np.int32([1]), max_iter=3, radius=.6)
    assert np.allclose(third, [[.9 - .63 * .95, .5]])


def test_the_box_holds(session):
    """The second image has to go along the wall x0 = 0."""
    model = LinearModel([[0., 2.], [0., 1.]], [0., -.9])
    x = np.float32([[.3, .5], [.02, .95]])
    x_adv, _ = attack_images(session, ddn, model, x, np.int32([1, 1]))
    assert x_adv.min() >= 0. and x_adv.max() <= 1.
    assert (model.logits(x_adv).argmax(axis=1) == 0).all()
    ratio = lengths(x_adv, x) / fallen(x, np.float64([[2., 1.]] * 2), model.logits(x)[:, 1])
    assert ratio.min() >= 1. - 1e-6 and ratio.max() <= 1.02


@pytest.mark.parametrize('slots', [1, 7])
def test_images_that_wait_for_a_place_get_the_same(session, linear, slots):
    model, x, y = linear
    y = np.int32(np.where(np.arange(20) % 4 == 0, (y + 1) % 3, y))
    together, steps = attack_images(session, ddn, model, x, y)
    apart, same_steps = attack_images(session, ddn, model, x, y, slots=slots)
    assert np.allclose(together, apart, atol=1e-4) and np.array_equal(steps, same_steps)
    assert np.array_equal(together[::4], x[::4]) and (steps[::4] == 0).all()


def test_where_the_gradient_vanishes_it_goes_a_random_way(session):
    """Two classes that meet in a plateau: only a random direction leads out of it."""
    def plateau(x):
        far = tf.nn.relu(tf.reduce_sum(tf.square(x - .5), axis=1) - .01)
        return tf.stack([tf.fill(tf.shape(far), .02), far], axis=1)

    x = np.full([8, 3], .5, np.float32)
    y = np.zeros(8, np.int32)
    x_adv, _ = attack_images(session, ddn, plateau, x, y)
    distance = np.sqrt(.03)
    assert (lengths(x_adv, x) >= distance - 1e-5).all()
    assert (lengths(x_adv, x) <= 1.02 * distance).all()
    assert np.linalg.norm(x_adv[0] - x_adv[1]) > .01


def test_pixels_of_few_levels(session, binary):
    model, x, y = binary
    x = np.float32(np.round(x * 255) / 255)
    x_adv, _ = attack_images(session, ddn, model, x, y, levels=256)
    fooled = model.logits(x_adv).argmax(axis=1) != y
    assert fooled.all() and np.abs(x_adv * 255 - np.round(x_adv * 255)).max() < 1e-4


def test_no_gradient_passes(session, linear):
    model, images, _ = linear
    x, y = placeholders(images)
    assert tf.gradients(ddn(model, x, y).x_adv, x) == [None]


@pytest.mark.parametrize('wrong', [{'gamma': -.1}, {'max_iter': 0}, {'radius': 0.}])
def test_a_value_out_of_range_is_named(linear, wrong):
    model, images, _ = linear
    with pytest.raises(UserError, match=list(wrong)[0]):
        ddn(model, *placeholders(images), **wrong)
