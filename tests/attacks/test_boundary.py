"""The boundary attack against exact minima: linear models with the box, small ReLU networks."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy.optimize import brentq, minimize

from attacks import boundary, deepfool
from tests.known import LinearModel, attack_images, built_attack, fallen, placeholders


def walled(d, k, n=40):
    """A linear model of k classes in d dimensions, images with half of their pixels at the walls,
    and their labels.
    """
    rng = np.random.RandomState(d)
    weights = rng.randn(d, k)
    model = LinearModel(weights, -0.5 * weights.sum(axis=0))
    x = np.float32(np.clip(rng.uniform(-0.5, 1.5, (n, d)), 0., 1.))
    return model, x, np.int32(model.logits(x).argmax(axis=1))


def exact_distances(model, x, y):
    """The l2 distance of each image to each class, inside the box: [n, k] float64; inf for y."""
    logits = model.logits(x)
    rows = np.arange(len(x))
    columns = [fallen(x, (model.weights.T[y] - w), logits[rows, y] - logits[:, k])
               for k, w in enumerate(model.weights.T)]
    distances = np.stack(columns, axis=1)
    distances[rows, y] = np.inf
    return distances


def norms(x_adv, x):
    return np.linalg.norm((np.float64(x_adv) - x).reshape(len(x), -1), axis=1)


@pytest.mark.parametrize('d, k', [(2, 2), (20, 3), (784, 10)])
def test_on_linear_models_it_is_the_minimum_inside_the_box(session, d, k):
    model, x, y = walled(d, k)
    x_adv, _ = attack_images(session, boundary, model, x, y, candidates=k - 1)
    ratio = norms(x_adv, x) / exact_distances(model, x, y).min(axis=1)
    assert (model.logits(x_adv).argmax(axis=1) != y).all()
    assert ratio.min() >= 1. and ratio.max() <= 1.005
    assert x_adv.min() >= 0. and x_adv.max() <= 1.


def targeted_minimum(model, x, t):
    """The l2 distance inside the box from one image to where class t is the largest: SLSQP."""
    others = np.arange(model.weights.shape[1]) != t
    w = (model.weights - model.weights[:, t:t + 1])[:, others]
    b = (model.bias - model.bias[t])[others]
    x = np.float64(x)
    solved = minimize(lambda v: 0.5 * np.sum((v - x) ** 2), x, jac=lambda v: v - x, method='SLSQP',
                      bounds=[(0., 1.)] * len(x), options={'ftol': 1e-15, 'maxiter': 500},
                      constraints={'type': 'ineq', 'fun': lambda v: -(v @ w + b),
                                   'jac': lambda v: -w.T})
    assert solved.success
    return np.linalg.norm(solved.x - x)


def test_towards_a_target_it_is_the_minimum_too(session):
    """On some of the images the target has to overtake both of the other classes at once."""
    model, x, y = walled(20, 3)
    t = np.int32((y + 1) % 3)
    x_adv, _ = attack_images(session, boundary, model, x, y, targets=tf.constant(t))
    best = np.array([targeted_minimum(model, *image) for image in zip(x, t)])
    ratio = norms(x_adv, x) / best
    assert (model.logits(x_adv).argmax(axis=1) == t).all()
    assert ratio.min() >= 1. and ratio.max() <= 1.005
    assert (best > 1.001 * exact_distances(model, x, y)[np.arange(len(x)), t]).sum() > 3


def into_an_ellipsoid(x, centre, sizes):
    """The l2 distance [n] of images outside of sum(sizes (v - centre)^2) = 1 to it, in float64."""
    def at(length, image):
        return (image - centre) / (1 + length * sizes)

    lengths = [brentq(lambda length: np.sum(sizes * at(length, image) ** 2) - 1, 0., 1e3)
               for image in np.float64(x)]
    return norms(np.array([centre + at(*each) for each in zip(lengths, x)]), x)


def test_along_a_curved_boundary_it_is_the_minimum(session):
    """Newton's steps stop short of a convex set, and lead to another point than the closest."""
    sizes = np.logspace(1., 3., 8)
    centre = np.full(8, .5)
    x = np.float32(np.random.RandomState(0).uniform(.2, .8, size=(40, 8)))
    x = x[np.sum(sizes * (x - centre) ** 2, axis=1) > 1.5]

    def model(images):
        lead = tf.reduce_sum(np.float32(sizes) * tf.square(images - .5), axis=1) - 1.
        return tf.stack([lead, tf.zeros_like(lead)], axis=1)

    x_adv, _ = attack_images(session, boundary, model, x, np.zeros(len(x), np.int32), restarts=0,
                             seek=20)
    ratio = norms(x_adv, x) / into_an_ellipsoid(x, centre, sizes)
    assert len(x) > 30 and ratio.min() >= 1. and ratio.max() <= 1.005


def test_images_that_wait_for_a_place_get_the_same(session):
    """Up to float32: a product with one row is rounded otherwise than one with many."""
    model, x, y = walled(20, 3)
    y = np.int32(np.where(np.arange(len(y)) % 4 == 0, (y + 1) % 3, y))
    together, steps = attack_images(session, boundary, model, x, y)
    right = model.logits(x).argmax(axis=1) == y
    assert np.array_equal(steps > 0, right)
    for slots in (1, 7):
        apart, same_steps = attack_images(session, boundary, model, x, y, slots=slots)
        assert np.allclose(norms(together, x), norms(apart, x), rtol=3e-5)
        assert np.allclose(together, apart, atol=1e-3) and np.array_equal(same_steps > 0, right)


def test_misclassified_images_are_returned_to_the_bit(session):
    model, x, y = walled(20, 3)
    x_adv, steps = attack_images(session, boundary, model, x, np.int32((y + 1) % 3))
    assert np.array_equal(x_adv, x) and not steps.any()


def test_a_class_out_of_reach_is_given_up(session):
    """The third logit is never the largest in the box; untargeted, the second still is found."""
    model = LinearModel([[0., 1., 1.], [0., 1., -1.]], [0., -.8, -9.])
    x = np.float32([[.3, .2], [.1, .4]])
    y = np.int32([0, 0])
    lost, steps = attack_images(session, boundary, model, x, y, targets=tf.constant([2, 2]))
    assert np.array_equal(lost, x) and (steps == 11).all()
    found, _ = attack_images(session, boundary, model, x, y, seek=3)
    assert (model.logits(found).argmax(axis=1) == 1).all()


def test_a_success_is_one_in_float64(session):
    """Images so near a boundary that float32 hardly tells the side: no lead of 1e-7 counts."""
    model, x, y = walled(20, 3)
    attacked = built_attack(session, boundary, model, x)
    first, _ = attacked(x, y)
    for share in (.9, .99, .998):
        near = np.float32(x + share * (first - x))
        rows = model.logits(near).argmax(axis=1) == y
        x_adv, _ = attacked(near[rows], y[rows])
        assert rows.sum() > 5 and (model.logits(x_adv).argmax(axis=1) != y[rows]).all()


def test_no_gradient_passes(session, linear):
    model, images, labels = linear
    x, y = placeholders(images)
    assert tf.gradients(boundary(model, x, y).x_adv, x) == [None]


def test_a_given_start_is_refined(session, linear):
    """candidates=0: only the start. Where it is not adversarial the image is returned as it is."""
    model, images, labels = linear
    found, _ = attack_images(session, deepfool, model, images, labels, overshoot=.5, box=True)
    given = np.where(np.arange(20)[:, np.newaxis] % 5 == 0, images, found)
    refined, steps = attack_images(session, boundary, model, images, labels, candidates=0,
                                   x_init=tf.constant(given))
    used = np.arange(20) % 5 != 0
    assert np.array_equal(refined[~used], images[~used]) and (steps[~used] == 1).all()
    best = exact_distances(model, images, labels).min(axis=1)
    assert (norms(refined, images)[used] <= 1.005 * best[used]).all()
    assert (norms(found, images)[used] > 1.2 * best[used]).all()
    both, _ = attack_images(session, boundary, model, images, labels, x_init=tf.constant(given))
    assert (norms(both, images) <= 1.005 * best).all()


def test_pruning_saves_steps(session):
    model, x, y = walled(784, 10)
    whole, steps = attack_images(session, boundary, model, x, y, prune=0.)
    pruned, fewer = attack_images(session, boundary, model, x, y, prune=1.05)
    assert fewer.sum() < 0.7 * steps.sum()
    assert norms(pruned, x).mean() < 1.02 * norms(whole, x).mean()
    assert (model.logits(pruned).argmax(axis=1) != y).all()


def test_turns_to_the_same_minimum_are_given_up(session):
    """Between two classes of a linear model there is one minimum, to which every restart comes; a
    `prune` so large drops no turn for its length.
    """
    model, x, y = walled(20, 2)
    best = exact_distances(model, x, y)[np.arange(len(x)), 1 - y]
    steps = {}
    for prune in (0., 1e6):
        x_adv, steps[prune] = attack_images(session, boundary, model, x, y, prune=prune)
        assert (model.logits(x_adv).argmax(axis=1) != y).all()
        assert (norms(x_adv, x) >= best).all() and (norms(x_adv, x) <= 1.005 * best).all()
    assert steps[1e6].sum() < 0.7 * steps[0.].sum()


@pytest.mark.parametrize('wrong', [{'kappa': -1.}, {'refine': 0}, {'seek': 0}, {'candidates': 0},
                                   {'restarts': -1}, {'prune': float('nan')}])
def test_a_value_out_of_range_is_named(linear, wrong):
    model, images, _ = linear
    with pytest.raises(UserError, match=list(wrong)[0]):
        boundary(model, *placeholders(images), **wrong)
