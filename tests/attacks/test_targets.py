"""The target classes of the attack, against closed forms and frequencies."""
from utils.noise import Noise

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.targets import closest_targets, sampled_targets, smoothed_targets
from tests.known import closest_boundary


def test_closest_target_by_closed_form(session, linear):
    model, images, labels = linear
    x = tf.constant(images)
    chosen = session.run(closest_targets(model(x), x, tf.constant(labels)))
    assert np.array_equal(chosen, closest_boundary(model, images, labels)[1])


def test_sampled_targets_are_never_the_label(session):
    logits = np.tile(np.float32([[5., 1., 0., 1.]]), (8000, 1))
    y = np.int32(np.arange(8000) % 4)
    drawn = session.run(sampled_targets(tf.constant(logits), tf.constant(y), Noise(0)))
    uniform = session.run(
        sampled_targets(tf.constant(logits), tf.constant(y), Noise(0), uniform=True))
    assert (drawn != y).all() and (uniform != y).all()
    p = np.exp([1., 0., 1.]) / np.exp([1., 0., 1.]).sum()
    assert np.allclose(np.bincount(drawn[y == 0], minlength=4)[1:] / 2000., p, atol=0.04)
    assert np.allclose(np.bincount(uniform[y == 0], minlength=4)[1:] / 2000., 1 / 3., atol=0.04)


def test_smoothed_targets(session):
    y, targets = np.zeros(8000, np.int32), np.full(8000, 2, np.int32)
    drawn = session.run(smoothed_targets(tf.constant(targets), tf.constant(y), 4, 0.3, Noise(0)))
    assert np.allclose(np.bincount(drawn, minlength=4) / 8000., [0, .15, .7, .15], atol=0.02)
