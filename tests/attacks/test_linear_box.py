"""The step in the box against SciPy's solvers, the attack against closed forms and brute force."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy.optimize import linprog, minimize

from attacks import eval_robustness, linear_box
from attacks.projection import HalfSpace
from models import build_model
from tests.attacks.test_projection import problems
from tests.known import LinearModel, attack_images, boundary_distance, closest_boundary, fallen

D = 6
ORDS = (1, 2, np.inf)


def scipy_distance(ord, p, w, fall):
    """min ||r|| with w r <= -fall and p + r in [0, 1]."""
    d = len(p)
    if ord == 2:
        found = minimize(lambda r: r @ r, np.zeros(d), jac=lambda r: 2 * r, method='SLSQP',
                         bounds=list(zip(-p, 1 - p)), options={'ftol': 1e-16, 'maxiter': 500},
                         constraints={'type': 'ineq', 'fun': lambda r: -w @ r - fall,
                                      'jac': lambda r: -w})
        return np.sqrt(found.fun)
    room = np.where(w > 0, p, 1 - p)   # r = -sign(w) t, t >= 0
    if ord == 1:
        return linprog(np.ones(d), A_ub=[-np.abs(w)], b_ub=[-fall], method='highs',
                       bounds=list(zip(np.zeros(d), room))).fun
    cost = np.append(np.zeros(d), 1.)
    above = np.hstack([np.eye(d), -np.ones((d, 1))])
    limits = np.vstack([above, np.append(-np.abs(w), 0.)])
    return linprog(cost, A_ub=limits, b_ub=np.append(np.zeros(d), -fall),
                   method='highs',
                   bounds=list(zip(np.zeros(d), room)) + [(0, None)]).fun


@pytest.mark.parametrize('ord', ORDS)
def test_the_step_is_scipys_on_200_problems(session, ord):
    p, w, fall = problems(200, D, seed=7)
    v = session.run(HalfSpace(tf.constant(p), tf.constant(w), ord)(tf.constant(fall)))
    r = v - p
    expected = [scipy_distance(ord, *problem) for problem in zip(p, w, fall)]
    assert np.abs(np.linalg.norm(r, ord, axis=1) - expected).max() < 1e-7
    assert np.abs((w * -r).sum(axis=1) - fall).max() < 1e-12
    assert v.min() >= 0 and v.max() <= 1 and (r[w == 0] == 0).all()
    large = [np.float32(a) for a in problems(50, 784, seed=3)]
    moved = session.run(HalfSpace(*map(tf.constant, large[:2]), ord)(tf.constant(large[2])))
    falls = (np.float64(large[1]) * (large[0] - np.float64(moved))).sum(axis=1)
    assert np.allclose(falls, large[2], rtol=1e-4)


@pytest.mark.parametrize('ord', ORDS)
def test_what_cannot_be_reached_goes_to_the_corner(session, ord):
    p, w, _ = problems(10, 5, seed=2)
    half_space = HalfSpace(tf.constant(p), tf.constant(w), ord)
    corner, same = session.run([half_space(tf.constant(np.full(10, 1e3), tf.float64)),
                                half_space(tf.zeros(10, tf.float64))])
    assert np.abs(corner - np.where(w > 0, 0., np.where(w < 0, 1., p))).max() < 1e-12
    assert np.abs(same - p).max() < 1e-12


def test_a_linear_model_is_left_at_its_closest_boundary(session, linear):
    model, x, y = linear
    wrong = (y + 1) % 3
    x_adv, iterations = attack_images(session, linear_box, model, x, np.where(
        np.arange(20) < 15, y, wrong), rounds=1)
    reached = [fallen(x, np.float64(model.weights.T[y] - model.weights.T[k]),
                      boundary_distance(model, x, y, k) * np.linalg.norm(
                          model.weights.T[y] - model.weights.T[k], axis=1))
               for k in (wrong, (y + 2) % 3)]
    lengths = np.linalg.norm(np.float64(x_adv) - x, axis=1)
    assert np.allclose(lengths[:15], np.min(reached, axis=0)[:15], atol=2e-5)
    assert (lengths[:15] >= closest_boundary(model, x, y)[0][:15]).all()
    assert (model.logits(x_adv).argmax(axis=1) != y)[:15].all()
    assert np.array_equal(x_adv[15:], x[15:]) and iterations.tolist() == [2] * 15 + [0] * 5


def small_net(session):
    """A network of 2 inputs and 3 classes, as images [n, 2] and as NumPy."""
    model = build_model('mlp1', 3, 4, '30')
    x = tf.placeholder(tf.float32, [None, 1, 2, 1])
    logits = model(x)
    session.run(tf.global_variables_initializer())
    rng = np.random.RandomState(5)
    for variable, scale in zip(model.variables, (3., 1.)):
        variable.load(rng.randn(*variable.shape.as_list()) * scale, session)
    return model, lambda points: session.run(logits, {x: np.reshape(points, [-1, 1, 2, 1])})


def test_a_small_network_against_every_point_of_a_grid(session):
    """No attack is closer than the closest point of a grid; further rounds never lose."""
    model, logits = small_net(session)
    axis = np.linspace(0, 1, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    classes = logits(grid).argmax(axis=1)
    images = np.float32(np.random.RandomState(1).uniform(size=(40, 1, 2, 1)))
    y = logits(images).argmax(axis=1).astype(np.int32)
    flat = images.reshape(-1, 2)
    exact = np.array([np.linalg.norm(grid[classes != label] - point, axis=1).min()
                      for point, label in zip(flat, y)])
    lengths = {}
    for rounds in (0, 3):
        x_adv, _ = attack_images(session, linear_box, model, images, y, rounds=rounds)
        assert (logits(x_adv).argmax(axis=1) != y).all()
        lengths[rounds] = np.linalg.norm((x_adv - images).reshape(-1, 2), axis=1)
        assert (lengths[rounds] > exact - 2 * axis[1]).all()
    assert (lengths[3] <= lengths[0] + 1e-6).all()
    assert np.mean(lengths[3]) < 1.05 * np.mean(exact) + axis[1]


def test_a_box_that_holds_no_other_class_is_a_failure(session):
    """The first class leads by more than all pixels together can change."""
    model = LinearModel(np.random.RandomState(0).randn(5, 3), [40., 0., 0.])
    x = np.float32(np.random.RandomState(1).uniform(size=(6, 5)))
    attacked = linear_box(model, tf.constant(x), tf.zeros(6, tf.int32), rounds=0)
    x_adv, success = session.run([attacked.x_adv, attacked.success])
    assert np.array_equal(x_adv, x) and not success.any()


def test_chunks_and_candidates(session):
    model, logits = small_net(session)
    images = np.float32(np.random.RandomState(2).uniform(size=(9, 1, 2, 1)))
    y = logits(images).argmax(axis=1).astype(np.int32)
    found = [attack_images(session, linear_box, model, images, y, rounds=0, **given)[0]
             for given in ({}, {'slots': 4}, {'candidates': 1})]
    assert np.allclose(*found[:2], atol=2e-5)
    length = [np.linalg.norm((x_adv - images).reshape(9, -1), axis=1) for x_adv in found]
    assert (length[2] >= length[0] - 2e-5).all()


def test_eval_robustness_starts_from_the_predicted_class(session):
    model, logits = small_net(session)
    images = np.float32(np.random.RandomState(2).uniform(size=(8, 1, 2, 1)))
    pred = logits(images).argmax(axis=1).astype(np.int32)
    labels = (pred + np.arange(8) % 2) % 3   # half of them wrong
    x_adv, _ = attack_images(session, eval_robustness, model, images, np.int32(labels))
    same, _ = attack_images(session, linear_box, model, images, pred, rounds=0)
    assert np.array_equal(x_adv, same) and (logits(x_adv).argmax(axis=1) != pred).all()


@pytest.mark.parametrize('given,message', [
    ({'ord': 'l3'}, 'ord is .l3.'), ({'rounds': -1}, 'rounds is -1'),
    ({'growth': 1.}, 'growth is 1'), ({'candidates': 0}, 'candidates is 0')])
def test_bad_settings(linear, given, message):
    model, x, y = linear
    with pytest.raises(UserError, match=message):
        linear_box(model, tf.constant(x), tf.constant(y), **given)
