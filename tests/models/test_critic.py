"""The critic's noise and its losses."""
from utils.noise import Noise

import numpy as np
import tensorflow.compat.v1 as tf

from critic import build_critic
from critic.losses import bce, gradient_penalty

X = np.float32(np.random.RandomState(0).uniform(size=(3, 28, 28, 1)))


def test_critic_noise_is_on_when_asked_for_and_differs_between_calls(session):
    critic = build_critic(10, 1, critic_layer_dims='32')
    step = tf.placeholder(tf.int32, [])
    noise = Noise(1, step)
    quiet = [critic(tf.constant(X)), critic(tf.constant(X))]
    loud = [
        critic(tf.constant(X), noise=noise, call='a'),
        critic(tf.constant(X), noise=noise, call='b')
    ]
    session.run(tf.global_variables_initializer())
    a, b = session.run(quiet)
    assert np.array_equal(a, b)
    c, d = session.run(loud, {step: 0})
    assert not np.allclose(c, a) and not np.allclose(c, d)
    assert np.array_equal(session.run(loud[0], {step: 0}), c)
    assert not np.allclose(session.run(loud[0], {step: 1}), c)


def test_critic_losses_by_hand(session):
    d = tf.constant([0., 2.])
    assert np.allclose(session.run(bce(d, 1)), np.log1p(np.exp([0., -2.])))
    assert np.allclose(session.run(bce(d, 0)), np.log1p(np.exp([0., 2.])))
    x = tf.constant([[1., 1.], [2., 0.]])
    linear = tf.reduce_sum(x * [3., 4.], axis=1)   # slope 5 everywhere
    assert np.allclose(session.run(gradient_penalty(linear, x)), 16.)
