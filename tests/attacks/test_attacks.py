"""The attacks against closed forms on linear models; everything is recomputed from x_adv in
float64.
"""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import ATTACKS, bim, carlini_wagner, deepfool, fgsm, high_confidence, pgd
from tests.known import (
    LinearModel,
    attack_images,
    boundary_distance,
    built_attack,
    closest_boundary,
    few_steps,
    placeholders,
)

# Those that take vectors too, not images only, and that go from the label.
VECTORS = sorted(set(ATTACKS) - {'square', 'eval_robustness'})


def test_deepfool_on_a_linear_classifier_is_the_closed_form(session, linear):
    model, images, labels = linear
    x_adv, iterations = attack_images(session, deepfool, model, images, labels, overshoot=0.02,
                                      clip=0., box=False)
    distance, target = closest_boundary(model, images, labels)
    norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
    assert np.allclose(norms, 1.02 * (distance + 1e-4), rtol=1e-4)
    assert (model.logits(x_adv).argmax(axis=1) == target).all()
    assert (iterations == 1).all()


def test_clipped_deepfool_takes_more_steps_to_the_same_boundary(session, linear):
    """Success is judged at x + (1 + overshoot) r, so the last step may be saved: the norm is within
    the overshoot of the distance.
    """
    model, images, labels = linear
    x_adv, iterations = attack_images(session, deepfool, model, images, labels, overshoot=0.02,
                                      clip=0.02, box=False)
    distance, target = closest_boundary(model, images, labels)
    norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
    assert (norms >= distance).all() and (norms <= 1.02 *
                                          (distance + 1e-4 * iterations) + 1e-5).all()
    assert (model.logits(x_adv).argmax(axis=1) == target).all()
    assert np.array_equal(iterations, np.maximum(np.ceil(distance / 1.02 / 0.0201 - 1e-3),
                                                 1)) and iterations.max() > 5


def test_deepfools_candidates_are_the_likeliest_classes(session, linear):
    model, images, labels = linear
    everything, _ = attack_images(session, deepfool, model, images, labels)
    three, _ = attack_images(session, deepfool, model, images, labels, candidates=3)
    assert np.allclose(three, everything, atol=1e-6)
    two, _ = attack_images(session, deepfool, model, images, labels, candidates=2, clip=0.,
                           box=False)
    runner_up = np.argsort(model.logits(images), axis=1)[:, 1]
    distance = boundary_distance(model, images, labels, runner_up)
    norms = np.linalg.norm(np.float64(two) - images, axis=1)
    reached = model.logits(two).argmax(axis=1) == runner_up
    assert reached.sum() > 10 and np.allclose(norms[reached], 1.02 *
                                              (distance[reached] + 1e-4), rtol=1e-4)


@pytest.mark.parametrize('attack', ['deepfool', 'high_confidence', 'carlini'])
def test_images_that_wait_for_a_place_get_the_same_result(session, linear, attack):
    """20 images through 1 or 7 places; some wrong to begin with, so that places are refilled at
    once.
    """
    model, images, labels = linear
    given = np.int32(np.where(np.arange(20) % 4 == 0, (labels + 1) % 3, labels))
    settings = {'max_iter': 40, 'binary_steps': 3, 'initial_const': 1.
                } if attack == 'carlini' else {}
    whole, steps = attack_images(session, ATTACKS[attack], model, images, given, slots=20,
                                 **settings)
    assert np.abs(whole - images).max() > 1e-3 and len(set(steps)) > 2
    for slots in (1, 7):
        refilled, same_steps = attack_images(session, ATTACKS[attack], model, images, given,
                                             slots=slots, **settings)
        assert np.allclose(whole, refilled, atol=1e-5) and np.array_equal(steps, same_steps)


def test_deepfool_in_two_dimensions_by_hand(session):
    """f = (0, 3 x0 + 4 x1 - 2) at (0.6, 0.6): distance 2.2 / 5, along (0.6, 0.8)."""
    model = LinearModel([[0., 3.], [0., 4.]], [0., -2.])
    x_adv, _ = attack_images(session, deepfool, model, np.float32([[0.6, 0.6]]), np.int32([1]),
                             overshoot=0., clip=0.)
    assert np.allclose(x_adv, [[0.6 - 0.6 * 0.4401, 0.6 - 0.8 * 0.4401]], atol=1e-5)


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
    ended, fewer = attack_images(session, carlini_wagner, model, images, labels, max_iter=300,
                                 search_tolerance=0.3)
    assert fewer.sum() < 0.9 * iterations.sum()
    assert (model.logits(ended).argmax(axis=1) != labels).all()
    assert (np.linalg.norm(ended - images, axis=1)
            <= 1.05 * np.linalg.norm(whole - images, axis=1) + 1e-4).all()


def test_targeted_carlini_wagner_reaches_its_target_with_the_margin(session, linear):
    model, images, labels = linear
    targets = (labels + 1) % 3
    x_adv, _ = attack_images(session, carlini_wagner, model, images, labels,
                             targets=tf.constant(targets), confidence=0.2, max_iter=500)
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
    assert np.allclose(
        x_adv, images + 0.1 * gradient / np.linalg.norm(gradient, axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize('ord', [2, np.inf])
@pytest.mark.parametrize('random', [False, True])
def test_pgd_stays_in_its_ball_and_box_and_raises_the_loss(session, linear, ord, random):
    model, images, labels = linear
    images = np.clip(images * 2 - 0.5, 0, 1)   # some pixels at the walls
    labels = np.int32(model.logits(images).argmax(axis=1))
    attack, settings = (pgd, {'noise': Noise(3)}) if random else (bim, {})
    x_adv, _ = attack_images(session, attack, model, images, labels, epsilon=0.2, ord=ord,
                             **settings)
    r = np.float64(x_adv) - images
    assert (np.linalg.norm(r, ord, axis=1) <= 0.2 + 1e-6).all()
    assert x_adv.min() >= 0 and x_adv.max() <= 1
    rows = np.arange(len(images))
    assert (model.softmax(x_adv)[rows, labels] < model.softmax(images)[rows, labels]).all()


@pytest.mark.parametrize('name', VECTORS)
def test_an_image_that_is_wrong_to_begin_with_is_left_as_it_is(session, linear, name):
    model, images, labels = linear
    wrong = np.arange(len(images)) % 2 == 0
    given = np.int32(np.where(wrong, (labels + 1) % 3, labels))
    x_adv, iterations = attack_images(session, ATTACKS[name], model, images, given,
                                      **few_steps(name, images))
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
        attacked = built_attack(session, attack, model, images)
        together, _ = attacked(images, labels)
        alone = np.concatenate([attacked(images[i:i + 1], labels[i:i + 1])[0] for i in range(4)])
        assert np.allclose(together[:4], alone, atol=1e-6)


def test_test_attacks_carry_no_gradient(session, linear):
    model, images, labels = linear
    x, y = placeholders(images)
    for name in VECTORS:
        x_adv = ATTACKS[name](model, x, y, **few_steps(name, x)).x_adv
        assert tf.gradients(x_adv, x) == [None], name


@pytest.mark.parametrize('attack,settings,message', [
    (fgsm, {'epsilon': -0.1}, 'epsilon is -0.1; expected a finite number at least 0'),
    (pgd, {'epsilon': float('nan')}, 'epsilon is nan'),
    (pgd, {'ord': 3}, 'ord is 3; expected one of 2, inf, l2, linf'),
    (deepfool, {'clip': -1}, 'clip is -1'),
    (deepfool, {'candidates': 1}, 'candidates is 1; expected at least 2'),
    (deepfool, {'slots': 0}, 'slots is 0'),
    (deepfool, {'overshoot': -1}, 'overshoot is -1'),
    (high_confidence, {'epsilon': 0.}, 'epsilon is 0.0; expected a finite number above 0'),
    (high_confidence, {'confidence': 'high'}, "confidence C of the attack is 'high'"),
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
