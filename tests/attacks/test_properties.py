"""What holds of every attack whatever it is given: drawn by hypothesis, the same each time."""
import collections
import functools

from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attacks import ATTACKS
from tests.known import FEW_STEPS, LinearModel, open_session

EXAMPLES = 40   # of each attack

Kind = collections.namedtuple('Kind', 'classes shape x y slots')
KINDS = [   # a graph each; what changes from example to example is fed
    Kind(2, (5, 5, 1), np.float32, np.int32, 3),
    Kind(3, (4, 7, 3), np.float64, np.int64, 2),
    Kind(30, (6, 1, 1), np.float32, np.uint8, 100),
]
Problem = collections.namedtuple('Problem', 'kind model x y')


@st.composite
def problems(draw):
    """A linear model, images, and labels of which some are wrong."""
    kind = draw(st.sampled_from(KINDS))
    n, k = draw(st.sampled_from([0, 1, 2, 5, 7])), kind.classes
    rng = np.random.RandomState(draw(st.integers(0, 2 ** 16)))
    weights = rng.randn(int(np.prod(kind.shape)), k) * draw(st.sampled_from([1e-2, 1., 30., 1e5]))
    model = LinearModel(np.float32(weights), np.float32(-.5 * weights.sum(axis=0)))
    x = rng.uniform(-draw(st.sampled_from([0., .5])), 1., (n,) + kind.shape)
    if draw(st.booleans()):
        x = x > .5   # every pixel at a wall
    x = np.float32(np.clip(x, 0, 1)).astype(kind.x)
    y = logits_of(model, x).argmax(axis=1)
    wrong = rng.uniform(size=n) < draw(st.sampled_from([0., .4, 1.]))
    y = np.where(wrong, (y + rng.randint(1, k, n)) % k, y).astype(kind.y)
    return Problem(kind, model, x, y)


def logits_of(model, images):
    return model.logits(images.reshape(len(images), model.weights.shape[0]))


@functools.lru_cache(maxsize=len(KINDS))
def attack_of(name, kind):
    """Builds an attack on linear models of a kind: problem -> what it returns, as arrays."""
    parts = {} if name in ('bim', 'fgsm', 'pgd') else {'slots': kind.slots}
    if name in ('pgd', 'square', 'ddn'):
        parts['noise'] = Noise(1)
    with tf.Graph().as_default() as graph:
        x, y = tf.placeholder(kind.x, (None,) + kind.shape), tf.placeholder(kind.y, [None])
        pixels = int(np.prod(kind.shape))
        if name == 'ensemble':   # its own members take long to build
            parts['found'] = [1. - tf.cast(x, tf.float32)]
        weights = tf.placeholder(tf.float32, [pixels, kind.classes])
        bias = tf.placeholder(tf.float32, [kind.classes])
        found = ATTACKS[name](lambda x: tf.matmul(tf.reshape(x, [-1, pixels]), weights) + bias,
                              x, y, **dict(FEW_STEPS.get(name, {}), **parts))
    session = open_session(graph)
    return lambda problem: session.run(found, {x: problem.x, y: problem.y, bias: problem.model.bias,
                                               weights: problem.model.weights})


@pytest.mark.parametrize('name', sorted(set(ATTACKS) - {'eval_robustness'}))
def test_images_in_the_box_and_successes_that_are_some(name):
    seen = []

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None,
              suppress_health_check=[HealthCheck.too_slow])
    @given(problems())
    def holds(problem):
        seen.append((problem.kind,) + judge(problem, attack_of(name, problem.kind)(problem)))

    holds()
    assert {kind for kind, _, _ in seen} == set(KINDS)
    attacked, fooled = np.sum([counts for _, *counts in seen], axis=0)
    assert attacked > 30 and fooled > .3 * attacked


def judge(problem, found):
    """Asserts what holds of every attack; returns how many images were attacked, and fooled."""
    _, model, x, y = problem
    assert found.x_adv.dtype == np.float32 and found.x_adv.shape == x.shape
    assert found.iterations.shape == found.success.shape == y.shape
    assert np.isfinite(found.x_adv).all()
    assert ((found.x_adv >= 0) & (found.x_adv <= 1)).all()
    wrong = logits_of(model, x).argmax(axis=1) != y
    assert np.array_equal(found.x_adv[wrong], x[wrong])
    assert (found.iterations[wrong] == 0).all() and (found.iterations >= 0).all()
    assert (logits_of(model, found.x_adv).argmax(axis=1) != y)[found.success].all()
    return (~wrong).sum(), (found.success & ~wrong).sum()
