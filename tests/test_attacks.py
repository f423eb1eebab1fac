"""The attacks against closed forms on linear models; everything is recomputed from x_adv in float64."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import ATTACKS, bim, carlini_wagner, deepfool, fgsm, high_confidence, pgd
from attacks.targets import closest_targets, sampled_targets, smoothed_targets
from tests.conftest import LinearModel, placeholders
from utils.errors import UserError
from utils.noise import Noise


def attack_images(session, attack, model, images, labels, **settings):
    """Builds and runs an attack; returns (x_adv, iterations)."""
    x, y = placeholders(images)
    return session.run(tuple(attack(model, x, y, **settings)), {x: images, y: labels})


def boundary_distance(model, x, y, k):
    """Distance of each linear decision boundary between y and k: closed form, float64."""
    logits, rows = model.logits(x), np.arange(len(x))
    w = model.weights.T[k] - model.weights.T[y]
    with np.errstate(invalid='ignore'):
        return (logits[rows, y] - logits[rows, k]) / np.linalg.norm(w, axis=1)


def closest_boundary(model, x, y):
    distances = np.stack([np.where(y == k, np.inf, boundary_distance(model, x, y, np.full(len(x), k)))
                          for k in range(model.weights.shape[1])], axis=1)
    return distances.min(axis=1), distances.argmin(axis=1)


def test_deepfool_on_a_linear_classifier_is_the_closed_form(session, linear):
    model, images, labels = linear
    x_adv, iterations = attack_images(session, deepfool, model, images, labels, overshoot=0.02, clip=0., box=False)
    distance, target = closest_boundary(model, images, labels)
    norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
    assert np.allclose(norms, 1.02 * (distance + 1e-4), rtol=1e-4)
    assert (model.logits(x_adv).argmax(axis=1) == target).all()
    assert (iterations == 1).all()


def test_clipped_deepfool_takes_more_steps_to_the_same_boundary(session, linear):
    """Success is judged at x + (1 + overshoot) r, so the last step may be saved: the norm is within the overshoot of the distance."""
    model, images, labels = linear
    x_adv, iterations = attack_images(session, deepfool, model, images, labels, overshoot=0.02, clip=0.02, box=False)
    distance, target = closest_boundary(model, images, labels)
    norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
    assert (norms >= distance).all() and (norms <= 1.02 * (distance + 1e-4 * iterations) + 1e-5).all()
    assert (model.logits(x_adv).argmax(axis=1) == target).all()
    assert np.array_equal(iterations, np.maximum(np.ceil(distance / 1.02 / 0.0201 - 1e-3), 1)) and iterations.max() > 5


def test_deepfools_candidates_are_the_likeliest_classes(session, linear):
    model, images, labels = linear
    everything, _ = attack_images(session, deepfool, model, images, labels)
    three, _ = attack_images(session, deepfool, model, images, labels, candidates=3)
    assert np.allclose(three, everything, atol=1e-6)
    two, _ = attack_images(session, deepfool, model, images, labels, candidates=2, clip=0., box=False)
    runner_up = np.argsort(model.logits(images), axis=1)[:, 1]
    distance = boundary_distance(model, images, labels, runner_up)
    norms = np.linalg.norm(np.float64(two) - images, axis=1)
    reached = model.logits(two).argmax(axis=1) == runner_up
    assert reached.sum() > 10 and np.allclose(norms[reached], 1.02 * (distance[reached] + 1e-4), rtol=1e-4)


@pytest.mark.parametrize('attack', ['deepfool', 'high_confidence', 'carlini'])
@pytest.mark.parametrize('slots', [1, 7])
def test_images_that_wait_for_a_place_get_the_same_result(session, linear, attack, slots):
    """20 images through 1 or 7 places; some wrong to begin with, so that places are refilled at once."""
    model, images, labels = linear
    given = np.int32(np.where(np.arange(20) % 4 == 0, (labels + 1) % 3, labels))
    settings = {'max_iter': 40, 'binary_steps': 3, 'initial_const': 1.} if attack == 'carlini' else {}
    whole, steps = attack_images(session, ATTACKS[attack], model, images, given, slots=20, **settings)
    refilled, same_steps = attack_images(session, ATTACKS[attack], model, images, given, slots=slots, **settings)
    assert np.allclose(whole, refilled, atol=1e-5) and np.abs(whole - images).max() > 1e-3
    assert np.array_equal(steps, same_steps) and len(set(steps)) > 2


def test_deepfool_in_two_dimensions_by_hand(session):
    """f = (0, 3 x0 + 4 x1 - 2) at (0.6, 0.6): distance 2.2 / 5, along (0.6, 0.8)."""
    from tests.conftest import LinearModel
    model = LinearModel([[0., 3.], [0., 4.]], [0., -2.])
    x_adv, _ = attack_images(session, deepfool, model, np.float32([[0.6, 0.6]]), np.int32([1]), overshoot=0., clip=0.)
    assert np.allclose(x_adv, [[0.6 - 0.6 * 0.4401, 0.6 - 0.8 * 0.4401]], atol=1e-5)


def test_high_confidence_reaches_c_on_a_linear_classifier_at_the_closed_form_distance(session, binary):
    """Two classes: p_t >= C is a half-space at distance (margin + log(C / (1 - C))) / ||w||; the last step may pass it by 2 %."""
    model, images, labels = binary
    for c in (0.6, 0.9):
        x_adv, _ = attack_images(session, high_confidence, model, images, labels, confidence=c, clip=0.1, box=False)
        distance = boundary_distance(model, images, labels, 1 - labels) + np.log(c / (1 - c)) / 6.
        norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
        p = model.softmax(x_adv)[np.arange(len(images)), 1 - labels]
        assert (p >= c - 1e-6).all()
        assert (norms >= distance * (1 - 1e-5)).all()
        assert (norms <= distance * 1.02 + 2e-3).all()


def test_high_confidence_gets_to_a_confidence_that_float32_hardly_tells_from_one(session):
    """Logits (5 x, -5 x): from x = 1.5, where 1 - C = 3e-7, the same confidence is at x = -1.5; training's epsilon stops before."""
    model = LinearModel([[5., -5.]], [0., 0.])
    images, labels = np.float32([[1.5], [-1.5]]), np.int32([0, 1])
    x_adv, iterations = attack_images(session, high_confidence, model, images, labels, box=False)
    assert (np.abs(x_adv + images) <= 0.05).all() and (np.sign(x_adv) == -np.sign(images)).all()
    assert iterations.max() < 100
    short, iterations = attack_images(session, high_confidence, model, images, labels, box=False, epsilon=1e-8)
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
    from attacks.high_confidence import generate
    model, images, labels = linear
    targets = (labels + 1) % 3
    c = np.random.RandomState(2).uniform(0.3, 0.95, len(images))
    x_adv = session.run(generate(model, tf.constant(images), tf.constant(targets), tf.constant(np.float32(c)), ord=ord))
    assert np.allclose(x_adv, reference_steps(model, images, targets, c, 5, 0.05, ord), atol=2e-4)
    assert not np.allclose(x_adv, images)


def test_test_form_equals_training_form_when_nothing_limits_it(session, linear):
    model, images, labels = linear
    targets = (labels + 1) % 3
    x_adv, iterations = attack_images(session, high_confidence, model, images, labels, targets=tf.constant(targets),
                                      confidence=0.9, max_iter=5, overshoot=0.05, clip=0., box=False)
    assert np.allclose(x_adv, reference_steps(model, images, targets, 0.9, 5, 0.05), atol=2e-4)
    assert iterations.max() <= 5 and iterations.min() >= 1


def test_a_fixed_step_makes_it_bim(session, binary):
    model, images, labels = binary
    x_adv, iterations = attack_images(session, high_confidence, model, images, labels, confidence=0.7, step_size=0.05, clip=0.,
                                      overshoot=0., box=False)
    norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
    assert np.allclose(norms, 0.05 * iterations, atol=1e-5) and (iterations > 1).any()


def test_carlini_wagner_is_within_two_percent_of_the_optimum(session, binary):
    model, images, labels = binary
    x_adv, _ = attack_images(session, carlini_wagner, model, images, labels)
    distance = boundary_distance(model, images, labels, 1 - labels)
    norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
    assert (model.logits(x_adv).argmax(axis=1) != labels).all()
    assert (norms >= distance * (1 - 1e-4) - 1e-5).all()
    assert (norms <= distance * 1.02 + 1e-4).all()


def test_a_search_that_ends_early_saves_iterations_and_loses_little(session, binary):
    model, images, labels = binary
    whole, iterations = attack_images(session, carlini_wagner, model, images, labels, max_iter=300)
    ended, fewer = attack_images(session, carlini_wagner, model, images, labels, max_iter=300, search_tolerance=0.3)
    assert fewer.sum() < 0.9 * iterations.sum()
    assert (model.logits(ended).argmax(axis=1) != labels).all()
    assert (np.linalg.norm(ended - images, axis=1) <= 1.05 * np.linalg.norm(whole - images, axis=1) + 1e-4).all()


def test_targeted_carlini_wagner_reaches_its_target_with_the_margin(session, linear):
    model, images, labels = linear
    targets = (labels + 1) % 3
    x_adv, _ = attack_images(session, carlini_wagner, model, images, labels, targets=tf.constant(targets), confidence=0.2,
                             max_iter=500)
    logits, rows = model.logits(x_adv), np.arange(len(images))
    found = np.abs(x_adv - images).max(axis=1) > 0
    margin = logits[rows, targets] - np.where(np.eye(3)[targets], -np.inf, logits).max(axis=1)
    assert found.mean() > 0.8                      # the box keeps some targets out of reach
    assert (margin[found] > 0.2 - 1e-4).all()
    assert x_adv.min() >= 0 and x_adv.max() <= 1


def test_fgsm_is_epsilon_times_the_sign_of_the_gradient(session, linear):
    model, images, labels = linear
    x_adv, _ = attack_images(session, fgsm, model, images, labels, epsilon=0.1)
    p = model.softmax(images)
    gradient = p @ model.weights.T - model.weights.T[labels]
    assert np.allclose(x_adv, images + 0.1 * np.sign(gradient), atol=1e-6)
    x_adv, _ = attack_images(session, fgsm, model, images, labels, epsilon=0.1, ord=2)
    assert np.allclose(x_adv, images + 0.1 * gradient / np.linalg.norm(gradient, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize('ord', [2, np.inf])
@pytest.mark.parametrize('random', [False, True])
def test_pgd_stays_in_its_ball_and_box_and_raises_the_loss(session, linear, ord, random):
    model, images, labels = linear
    images = np.clip(images * 2 - 0.5, 0, 1)   # some pixels at the walls
    labels = np.int32(model.logits(images).argmax(axis=1))
    attack, settings = (pgd, {'noise': Noise(3)}) if random else (bim, {})
    x_adv, _ = attack_images(session, attack, model, images, labels, epsilon=0.2, ord=ord, **settings)
    r = np.float64(x_adv) - images
    assert (np.linalg.norm(r, ord, axis=1) <= 0.2 + 1e-6).all()
    assert x_adv.min() >= 0 and x_adv.max() <= 1
    rows = np.arange(len(images))
    assert (model.softmax(x_adv)[rows, labels] < model.softmax(images)[rows, labels]).all()


@pytest.mark.parametrize('name', sorted(ATTACKS))
def test_an_image_that_is_wrong_to_begin_with_is_left_as_it_is(session, linear, name):
    model, images, labels = linear
    wrong = np.arange(len(images)) % 2 == 0
    given = np.int32(np.where(wrong, (labels + 1) % 3, labels))
    settings = {'carlini': {'max_iter': 50, 'binary_steps': 2, 'initial_const': 1.}}.get(name, {})
    x_adv, iterations = attack_images(session, ATTACKS[name], model, images, given, **settings)
    assert np.array_equal(x_adv[wrong], images[wrong]) and (iterations[wrong] == 0).all()
    assert (np.abs(x_adv - images).max(axis=1)[~wrong] > 0).all() and (iterations[~wrong] > 0).all()


@pytest.mark.parametrize('attack', [deepfool, high_confidence])
def test_the_box_holds_and_without_it_pixels_leave(session, linear, attack):
    model, images, labels = linear
    images = np.float32(images > 0.5)
    labels = np.int32(model.logits(images).argmax(axis=1))
    inside, _ = attack_images(session, attack, model, images, labels)
    outside, _ = attack_images(session, attack, model, images, labels, box=False)
    assert inside.min() >= 0 and inside.max() <= 1
    assert outside.min() < 0 or outside.max() > 1


def test_a_batch_of_one_and_a_batch_of_all_agree(session, linear):
    model, images, labels = linear
    for attack in (deepfool, high_confidence):
        together, _ = attack_images(session, attack, model, images, labels)
        alone = np.concatenate([attack_images(session, attack, model, images[i:i + 1], labels[i:i + 1])[0] for i in range(4)])
        assert np.allclose(together[:4], alone, atol=1e-6)


def test_test_attacks_carry_no_gradient(session, linear):
    model, images, labels = linear
    x, y = placeholders(images)
    for name in sorted(ATTACKS):
        assert tf.gradients(ATTACKS[name](model, x, y).x_adv, x) == [None], name


def test_closest_target_by_closed_form(session, linear):
    model, images, labels = linear
    x = tf.constant(images)
    chosen = session.run(closest_targets(model(x), x, tf.constant(labels)))
    assert np.array_equal(chosen, closest_boundary(model, images, labels)[1])


def test_sampled_targets_are_never_the_label(session):
    logits = np.tile(np.float32([[5., 1., 0., 1.]]), (8000, 1))
    y = np.int32(np.arange(8000) % 4)
    drawn = session.run(sampled_targets(tf.constant(logits), tf.constant(y), Noise(0)))
    uniform = session.run(sampled_targets(tf.constant(logits), tf.constant(y), Noise(0), uniform=True))
    assert (drawn != y).all() and (uniform != y).all()
    p = np.exp([1., 0., 1.]) / np.exp([1., 0., 1.]).sum()
    assert np.allclose(np.bincount(drawn[y == 0], minlength=4)[1:] / 2000., p, atol=0.04)
    assert np.allclose(np.bincount(uniform[y == 0], minlength=4)[1:] / 2000., 1 / 3., atol=0.04)


def test_smoothed_targets(session):
    y, targets = np.zeros(8000, np.int32), np.full(8000, 2, np.int32)
    drawn = session.run(smoothed_targets(tf.constant(targets), tf.constant(y), 4, 0.3, Noise(0)))
    assert np.allclose(np.bincount(drawn, minlength=4) / 8000., [0, .15, .7, .15], atol=0.02)


@pytest.mark.parametrize('attack,settings,message', [
    (fgsm, {'epsilon': -0.1}, 'epsilon is -0.1; expected a finite number at least 0'),
    (pgd, {'epsilon': float('nan')}, 'epsilon is nan'),
    (pgd, {'ord': 3}, 'ord is 3; expected 2 or inf'),
    (deepfool, {'clip': -1}, 'clip is -1'),
    (deepfool, {'candidates': 1}, 'candidates is 1; expected at least 2'),
    (deepfool, {'slots': 0}, 'slots is 0'),
    (deepfool, {'overshoot': -1}, 'overshoot is -1'),
    (high_confidence, {'epsilon': 0.}, 'epsilon is 0.0; expected a finite number above 0'),
    (high_confidence, {'confidence': 'high'}, "confidence is 'high'"),
    (carlini_wagner, {'binary_steps': 0}, 'binary_steps is 0; expected a finite number at least 1'),
    (carlini_wagner, {'learning_rate': 0}, 'learning_rate is 0; expected a finite number above 0'),
])
def test_bad_hyperparameters(linear, attack, settings, message):
    model, images, _ = linear
    with pytest.raises(UserError, match=message):
        attack(model, *placeholders(images), **settings)


def test_bad_models(linear):
    model, images, _ = linear
    x, y = placeholders(images)
    with pytest.raises(ValueError, match='probabilities'):
        deepfool(lambda x: tf.nn.softmax(model(x)), x, y)
    with pytest.raises(ValueError, match='expected logits'):
        deepfool(lambda x: tf.reduce_sum(model(x), axis=1), x, y)
    with pytest.raises(TypeError, match='epsilonn'):
        fgsm(model, x, y, epsilonn=1)
