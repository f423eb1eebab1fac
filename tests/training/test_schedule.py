"""Learning rates as functions of the epoch."""
from utils.errors import UserError

import pytest

from critic import critic_learning_rate
from training.schedule import learning_rate, read_points


def test_learning_rates():
    assert [learning_rate(e, 1., 'step', 0.5, 40)
            for e in (1, 40, 41, 80, 81)] == [1, 1, .5, .5, .25]
    assert [learning_rate(e, 1., 'exp', 0.5) for e in (1, 2, 3)] == [1, .5, .25]
    assert learning_rate(99, 1., 'no') == 1
    assert critic_learning_rate(41, 'step') == 5e-4
    points = read_points('0.72,0.88', 100)
    assert [learning_rate(e, 1., 'points', 0.5, points=points)
            for e in (1, 72, 73, 88, 89, 100)] == [1, 1, .5, .5, .25, .25]
    assert critic_learning_rate(73, 'points', points) == 5e-4
    assert [learning_rate(e, 1., 'points', 0.5, points=read_points('0.28', 25))
            for e in (7, 8)] == [1, .5]


@pytest.mark.parametrize('text', ['x', '', '0.5,', '0.9,0.5', '0,0.5', '0.5,1', '0.5,0.5', 'nan'])
def test_points_that_cannot_be(text):
    with pytest.raises(UserError, match='--lr_decay_at is .*; expected fractions'):
        read_points(text, 100)
