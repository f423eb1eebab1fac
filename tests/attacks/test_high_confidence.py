"""The paper's attack, test form and training form, against closed forms and NumPy; everything is
recomputed from x_adv in float64.
"""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import high_confidence
from attacks.unrolled import generate
from tests.known import LinearModel, attack_images, boundary_distance


def test_high_confidence_reaches_c_on_a_linear_classifier_at_the_closed_form_distance(
        session, binary):
    """Two classes: p_t >= C is a half-space at distance (margin + log(C / (1 - C))) / ||w||; the
    last step may pass it by 2 %.
    """
    model, images, labels = binary
    for c in (0.6, 0.9):
        x_adv, _ = attack_images(session, high_confidence, model, images, labels, confidence=c,
                                 clip=0.1, box=False)
        distance = boundary_distance(model, images, labels, 1 - labels) + np.log(c / (1 - c)) / 6.
        norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
        p = model.softmax(x_adv)[np.arange(len(images)), 1 - labels]
        assert (p >= c - 1e-6).all()
        assert (norms >= distance * (1 - 1e-5)).all()
        assert (norms <= distance * 1.02 + 2e-3).all()


def test_high_confidence_gets_to_a_confidence_that_float32_hardly_tells_from_one(session):
    """Logits (5 x, -5 x): from x = 1.5, where 1 - C = 3e-7, the same confidence is at x = -1.5;
    training's epsilon stops before.
    """
    model = LinearModel([[5., -5.]], [0., 0.])
    images, labels = np.float32([[1.5], [-1.5]]), np.int32([0, 1])
    x_adv, iterations = attack_images(session, high_confidence, model, images, labels, box=False)
    assert (np.abs(x_adv + images) <= 0.05).all() and (np.sign(x_adv) == -np.sign(images)).all()
    assert iterations.max() < 100
    short, iterations = attack_images(session, high_confidence, model, images, labels, box=False,
                                      epsilon=1e-8)
    assert (iterations == 500).all() and (np.abs(short) < 1.5 - 0.02).all()


def reference_steps(model, x, targets, c, steps, overshoot, ord=2):
    """Algorithm 1 in float64 NumPy."""
    x, r, rows = np.float64(x), np.zeros(x.shape), np.arange(len(x))
    running = np.ones(len(x))
    for _ in range(steps):
        x_hat = x + (1 + overshoot) * r
        p = model.softmax(x_hat)
        p_t = p[rows, targets]
        w = model.weights.T[targets] - p @ model.weights.T
        running *= p_t < c
        if ord == 2:
            norm = np.sqrt(1e-8 + (w ** 2).sum(axis=1))
            direction = w / norm[:, None]
        else:
            norm = np.abs(w).sum(axis=1) + 1e-8
            direction = np.sign(w)
        r += (running * (1e-4 + np.abs(np.log(c) - np.log(p_t)) / norm))[:, None] * direction
    return x + (1 + overshoot) * r


@pytest.mark.parametrize('ord', [2, np.inf])
def test_training_form_equals_algorithm_1_in_numpy(session, linear, ord):
    model, images, labels = linear
    targets = (labels + 1) % 3
    c = np.random.RandomState(2).uniform(0.3, 0.95, len(images))
    x_adv = session.run(
        generate(model, tf.constant(images), tf.constant(targets), tf.constant(np.float32(c)),
                 ord=ord))
    assert np.allclose(x_adv, reference_steps(model, images, targets, c, 5, 0.05, ord), atol=2e-4)
    assert not np.allclose(x_adv, images)


def test_test_form_equals_training_form_when_nothing_limits_it(session, linear):
    model, images, labels = linear
    targets = (labels + 1) % 3
    x_adv, iterations = attack_images(session, high_confidence, model, images, labels,
                                      targets=tf.constant(targets), confidence=0.9, max_iter=5,
                                      overshoot=0.05, clip=0., box=False)
    assert np.allclose(x_adv, reference_steps(model, images, targets, 0.9, 5, 0.05), atol=2e-4)
    assert iterations.max() <= 5 and iterations.min() >= 1


def test_a_fixed_step_makes_it_bim(session, binary):
    model, images, labels = binary
    x_adv, iterations = attack_images(session, high_confidence, model, images, labels,
                                      confidence=0.7, step_size=0.05, clip=0., overshoot=0.,
                                      box=False)
    norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
    assert np.allclose(norms, 0.05 * iterations, atol=1e-5) and (iterations > 1).any()
