"""Random numbers that depend on (seed, step, name) alone."""
from utils.noise import Noise

import numpy as np
import tensorflow.compat.v1 as tf


def test_draws_depend_on_seed_step_and_name(session):
    def draw(seed, step, name):
        return session.run(Noise(seed, step).normal([4], 1., name))
    first = draw(1, 5, 'a')
    assert np.array_equal(draw(1, 5, 'a'), first)
    for other in ((2, 5, 'a'), (1, 6, 'a'), (1, 5, 'b')):
        assert not np.allclose(draw(*other), first)


def test_the_stream_is_the_same_in_every_runtime(session):
    assert np.allclose(session.run(Noise(1, 0).normal([3], 1., 'a')), GOLDEN, atol=1e-6)


def test_categorical_follows_the_softmax_and_never_draws_a_masked_class(session):
    p = np.float32([0.5, 0.3, 0., 0.2])
    with np.errstate(divide='ignore'):
        logits = np.tile(np.log(p), (20000, 1))
    drawn = session.run(Noise(1).categorical(tf.constant(logits), 'c'))
    assert np.allclose(np.bincount(drawn, minlength=4) / 20000., p, atol=0.02)
    assert not (drawn == 2).any()


GOLDEN = [-0.42739490, 1.04256451, -0.45230550]   # printed by TensorFlow 1.15.0 and 2.21.0 alike
