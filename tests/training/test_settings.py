"""The same seed gives the same weights; every option changes them; every defense takes a step."""
import functools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import defenses
from tests.known import open_session
from tests.training.built import Built, same, values


@functools.lru_cache(maxsize=None)
def plain_steps(n):
    return run_steps(n)


def run_steps(n, **given):
    """The variables after n steps with weights and noise of seed 1."""
    with tf.Graph().as_default(), open_session() as own:
        built = Built(**given)
        built.noise._step = built.step.read_value()
        own.run(tf.global_variables_initializer())
        for _ in range(n):
            own.run(built.steps.train, built.feed())
        return values(own, tf.global_variables())


def test_the_same_seed_gives_the_same_weights():
    assert same(run_steps(2), plain_steps(2))


@pytest.mark.parametrize('given', [
    {'attack_random': True},
    {'attack_uniform': True},
    {'attack_label_smoothing': 0.2},
    {'attack_ord': 'linf'},
    {'attack_backprop': 'full'},
    {'attack_confidence': 'same'},
    {'attack_confidence': '0.9'},
    {'lmbd_rec_l1': 0.1},
    {'lmbd_rec_l2': 0.},
], ids=str)
def test_every_option_changes_the_weights_and_keeps_them_finite(given):
    changed, plain = run_steps(2, **given), plain_steps(2)
    assert all(np.isfinite(v).all() for v in changed)
    assert not same(changed[1:2], plain[1:2])


@pytest.mark.parametrize('defense', sorted(defenses.DEFENSES))
def test_every_defense_builds_and_takes_a_step(session, defense):
    built = Built(defense)
    session.run(tf.global_variables_initializer())
    before = values(session, built.model.variables)
    row = session.run(built.steps.train, built.feed())
    assert np.isfinite(row['loss']) and {'nll', 'err', 'loss'} <= set(row)
    assert not same(values(session, built.model.variables), before)
