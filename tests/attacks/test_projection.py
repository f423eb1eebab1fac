"""The projection on half-space and box against a general solver, float64 bisection and hand-made
corners.
"""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy.optimize import minimize

from attacks.projection import project_half_space
from tests.known import fallen


def problems(n, d, seed):
    """Points with a third of the pixels at the walls, normals with a fifth of them 0, and falls
    that half of the room reaches.
    """
    rng = np.random.RandomState(seed)
    p = np.clip(rng.uniform(-0.4, 1.4, (n, d)), 0., 1.)
    w = rng.randn(n, d) * (rng.uniform(size=(n, d)) > 0.2)
    reach = (np.abs(w) * np.where(w > 0, p, 1 - p)).sum(axis=1)
    return p, w, reach * rng.uniform(0.05, 0.95, n)


def project(session, p, w, fall, dtype=np.float64):
    return session.run(project_half_space(*(tf.constant(dtype(a)) for a in (p, w, fall))))


def slsqp(p, w, fall):
    solved = minimize(lambda v: 0.5 * np.sum((v - p) ** 2), p, jac=lambda v: v - p, method='SLSQP',
                      bounds=[(0., 1.)] * len(p), options={'ftol': 1e-16, 'maxiter': 500},
                      constraints={'type': 'ineq', 'fun': lambda v: w @ (p - v) - fall,
                                   'jac': lambda v: -w})
    return solved.x


@pytest.mark.parametrize('d', [2, 5, 30])
def test_is_the_optimum_that_slsqp_finds(session, d):
    p, w, fall = problems(40, d, seed=d)
    v = project(session, p, w, fall)
    best = np.stack([slsqp(*problem) for problem in zip(p, w, fall)])
    assert np.abs(v - best).max() < 1e-6
    lengths = np.linalg.norm(v - p, axis=1)
    assert np.abs(lengths - np.linalg.norm(best - p, axis=1)).max() < 6e-8
    assert np.abs((w * (p - v)).sum(axis=1) - fall).max() < 1e-12
    assert v.min() >= 0 and v.max() <= 1 and (v[w == 0] == p[w == 0]).all()


def test_in_float32_for_images_of_784_pixels(session):
    p, w, fall = problems(50, 784, seed=0)
    p = np.float32(p)
    w = np.float32(w)
    v = np.float64(project(session, p, w, fall, np.float32))
    lengths = np.linalg.norm(v - p, axis=1)
    assert np.allclose(lengths, fallen(p, w, fall), rtol=2e-5)
    assert np.allclose((np.float64(w) * (p - v)).sum(axis=1), fall, rtol=2e-5)


def test_walls_that_are_reached_one_after_the_other(session):
    """Of 24 pixels each goes half as far as the one before: as many steps as there are pixels."""
    w = np.tile(2. ** np.arange(24), (3, 1))
    p = np.ones_like(w)
    fall = w.sum(axis=1) * [.3, .9, 1 - 2. ** -40]
    v = project(session, p, w, fall)
    assert np.allclose(np.linalg.norm(v - p, axis=1), fallen(p, w, fall), rtol=1e-12)
    assert np.allclose((w * (p - v)).sum(axis=1), fall, rtol=1e-12)


def test_a_point_that_has_fallen_enough_stays(session):
    p, w, _ = problems(10, 5, seed=1)
    assert np.array_equal(project(session, p, w, np.zeros(10)), p)
    assert np.array_equal(project(session, p, w, np.full(10, -3.)), p)


def test_what_cannot_be_reached_goes_to_the_corner(session):
    p, w, _ = problems(10, 5, seed=2)
    corner = np.where(w > 0, 0., np.where(w < 0, 1., p))
    v = project(session, p, w, np.full(10, 1e3))
    assert np.abs(v - corner).max() < 1e-12


@pytest.mark.parametrize('dtype', [np.float32, np.float64])
def test_no_gradient_and_no_room_are_no_trouble(session, dtype):
    """w = 0; every pixel at the wall it should cross; one pixel free; all walls at once."""
    p = [[.3, .6, 0.], [0., 1., 0.], [0., 1., .5], [.5, .5, .5]]
    w = [[0., 0., 0.], [1., -1., 2.], [1., -1., 2.], [1., 1., 1.]]
    v = project(session, p, w, [1., 1., .5, 1.5], dtype)
    assert np.allclose(v, [p[0], p[1], [0., 1., .25], [0., 0., 0.]], atol=1e-6)


def test_images_keep_their_shape(session):
    p, w, fall = problems(6, 12, seed=3)
    flat = project(session, p, w, fall)
    image = project(session, p.reshape(6, 2, 2, 3), w.reshape(6, 2, 2, 3), fall)
    assert image.shape == (6, 2, 2, 3) and np.array_equal(image.reshape(6, 12), flat)
