"""L-BFGS in the box against closed forms, SciPy's solvers and itself."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy.optimize import minimize

from attacks import lbfgs
from attacks.lbfgs import Search, aim
from attacks.linear_box import MARGIN
from attacks.loop import run_active
from tests.known import LinearModel, attack_images, boundary_distance, fallen, placeholders

EXACT = {'tolerance': 1e-6, 'precision': 1e-7}


def linear_problems(n, d, k, seed):
    """A linear model whose classes meet in the middle of the box, images of which some pixels are
    at a wall, their labels and other classes.
    """
    rng = np.random.RandomState(seed)
    weights = np.float32(rng.randn(d, k))
    model = LinearModel(weights, np.float32(-.5 * weights.sum(axis=0)))
    x = np.float32(np.clip(rng.uniform(-.3, 1.3, (n, d)), 0, 1))
    y = np.int32(model.logits(x).argmax(axis=1))
    return model, x, y, np.int32((y + rng.randint(1, k, n)) % k)


def test_two_classes_in_two_dimensions_by_hand(session):
    """f = (0, 3 x0 + 4 x1 - 2): at (.6, .6) the distance is 2.2 / 5 along (.6, .8); at (.02, .9)
    the first pixel is at its wall after .02, and the second goes 1.6 / 4; then MARGIN further.
    """
    model, far = LinearModel([[0., 3.], [0., 4.]], [0., -2.]), (2.2 + MARGIN) / 5
    x_adv, iterations = attack_images(session, lbfgs, model, np.float32([[.6, .6], [.02, .9]]),
                                      np.int32([1, 1]), **EXACT)
    assert np.allclose(x_adv, [[.6 - .6 * far, .6 - .8 * far], [0., .5 - MARGIN / 4]], rtol=0,
                       atol=1e-6)
    assert (iterations > 0).all()


def test_two_classes_in_twelve_dimensions_are_the_quadratic_program(session):
    model, x, y, other = linear_problems(30, 12, 2, 1)
    w = np.float64(model.weights.T[y] - model.weights.T[other])
    gap = boundary_distance(model, x, y, other) * np.linalg.norm(w, axis=1)
    x_adv, _ = attack_images(session, lbfgs, model, x, y, targets=tf.constant(other), **EXACT)
    margin = MARGIN * (1 + np.abs(model.logits(x_adv)).max(axis=1))
    lengths = np.linalg.norm(np.float64(x_adv) - x, axis=1)
    assert np.abs(lengths - fallen(x, w, gap + margin)).max() < 1e-6
    assert (model.logits(x_adv).argmax(axis=1) == other).all()
    assert (((x_adv == 0) | (x_adv == 1)) & (x_adv != x)).sum() > 10


def quadratic_program(model, x, target):
    """min ||r|| with x + r in the box and in the class `target` of a linear model."""
    w = model.weights.T[target] - np.delete(model.weights.T, target, axis=0)
    lead = w @ x + model.bias[target] - np.delete(model.bias, target)
    found = minimize(lambda r: r @ r, np.zeros(len(x)), jac=lambda r: 2 * r, method='SLSQP',
                     bounds=list(zip(-x, 1 - x)), options={'ftol': 1e-14, 'maxiter': 500},
                     constraints={'type': 'ineq', 'fun': lambda r: lead + w @ r,
                                  'jac': lambda r: w})
    return np.sqrt(found.fun) if found.success else np.inf


def test_more_classes_the_box_the_target_and_what_is_finished(session):
    """Never closer than the quadratic program and never 1.4 times as far; the same alone, with
    waiting images, and when images that take longer go on beside it.
    """
    model, x, y, targets = linear_problems(24, 8, 5, 2)
    wrong = np.arange(24) % 6 == 0
    y[wrong] = (y[wrong] + 1) % 5
    fed = placeholders(x)
    aimed = tf.placeholder(tf.int32, [None])
    found = {slots: lbfgs(model, *fed, targets=aimed, slots=slots) for slots in (100, 5)}

    def attack(slots, rows=slice(None)):
        return session.run(found[slots], dict(zip(fed + (aimed,), (x[rows], y[rows],
                                                                   targets[rows]))))
    together = attack(100)
    r = np.float64(together.x_adv) - x
    assert np.array_equal(together.x_adv[wrong], x[wrong]) and not together.iterations[wrong].any()
    exact = np.array([quadratic_program(model, np.float64(image), target)
                      for image, target in zip(x, targets)])
    found_one = together.success & ~wrong
    assert np.array_equal(found_one, np.isfinite(exact) & ~wrong) and found_one.sum() > 12
    assert (model.logits(together.x_adv).argmax(axis=1) == targets)[found_one].all()
    assert together.x_adv.min() >= 0 and together.x_adv.max() <= 1
    share = np.linalg.norm(r, axis=1)[found_one] / exact[found_one]
    assert share.min() > 1 and share.max() < 1.4 and share.mean() < 1.15
    for rows in (slice(0, 3), slice(7, 8)):
        alone = attack(100, rows)
        assert np.allclose(alone.x_adv, together.x_adv[rows], atol=2e-3)
    assert np.allclose(attack(5).x_adv, together.x_adv, atol=2e-3)
    assert len(set(together.iterations)) > 5


@pytest.fixture
def minimum(session):
    """(model, x, targets, c) -> where a descent of c ||r||^2 + cross-entropy ends, [n, d]."""
    def built(model, x, targets, c):
        images, constants = tf.placeholder(tf.float32, x.shape), tf.placeholder(tf.float32, [None])
        search = Search(model, x.shape[1:], True, 400, 1, 1e-2, 1e-6)

        def enter(rows):
            state = search.begin(tf.gather(images, rows), tf.gather(targets, rows), rows >= 0)
            state = state._replace(c=tf.gather(constants, rows))
            return aim(state, tf.ones_like(state.hit))

        def step(state):
            state, moved, ended = search.descend(state)
            return aim(state, moved), ended
        ends = run_active(enter, step, ('z',), len(x), 7)['z']
        return [session.run(ends, {images: x, constants: c}) for c in np.float32(c)]
    return built


def objective(model, x, target, c):
    """c ||z - x||^2 + cross-entropy in float64, with its gradient."""
    def value(z):
        p = model.softmax(z[None])[0]
        r = z - x
        slope = model.weights @ (p - np.eye(len(p))[target])
        return c * r @ r - np.log(p[target]), 2 * c * r + slope
    return value


def test_twenty_convex_problems_are_scipys_and_shorter_for_a_larger_c(minimum):
    model, x, _, targets = linear_problems(20, 30, 6, 3)
    constants = 10 ** np.random.RandomState(0).uniform(-1.5, 1.5, 20)
    ends = minimum(model, x, targets, [constants * growth for growth in (1., 1.5, 4., 20.)])
    walls = []
    for image, target, c, z in zip(np.float64(x), targets, constants, np.float64(ends[0])):
        value = objective(model, image, target, c)
        best = minimize(value, image, jac=True, method='L-BFGS-B', bounds=[(0, 1)] * 30,
                        options={'ftol': 1e-15, 'gtol': 1e-10, 'maxiter': 2000})
        assert abs(value(z)[0] - best.fun) < 1e-6 * max(1, best.fun)
        assert np.abs(z - best.x).max() < 1e-3
        walls.append(np.mean((z == 0) | (z == 1)))
    assert np.mean(walls) > .1
    lengths = [np.linalg.norm(z - x, axis=1) for z in ends]
    for shorter, longer in zip(lengths[1:], lengths):
        assert (shorter <= longer * (1 + 1e-4)).all() and (shorter < longer).any()


@pytest.mark.parametrize('given,message', [
    ({'max_iter': 0}, 'max_iter is 0'), ({'search_steps': .5}, 'search_steps is 0.5'),
    ({'tolerance': 0}, 'tolerance is 0'), ({'precision': -1}, 'precision is -1')])
def test_bad_settings(linear, given, message):
    model, x, y = linear
    with pytest.raises(UserError, match=message):
        lbfgs(model, tf.constant(x), tf.constant(y), **given)
