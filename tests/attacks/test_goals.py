"""What users of other libraries' attacks count on: norms, clipping, targets, confidence, success,
and how far above the closed form the lengths are.
"""
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import (
    ATTACKS,
    bim,
    boundary,
    carlini_wagner,
    ddn,
    deepfool,
    fgsm,
    high_confidence,
    pgd,
)
from tests.known import (
    FedModel,
    LinearModel,
    attack_images,
    boundary_distance,
    closest_boundary,
    few_steps,
    flat,
    placeholders,
)

FIXED = {'fgsm': fgsm, 'bim': bim, 'pgd': pgd}


def norms(x_adv, x, ord=2):
    return np.linalg.norm((np.float64(x_adv) - x).reshape(len(x), -1), ord, axis=1)


def found_by(session, attack, model, images, labels, **settings):
    """Everything that an attack returns, as arrays."""
    x, y = placeholders(images)
    return session.run(attack(model, x, y, **settings), {x: images, y: labels})


@pytest.mark.parametrize('name', sorted(FIXED))
@pytest.mark.parametrize('ord', [2, np.inf])
@pytest.mark.parametrize('epsilon', [0., .05, .4])
def test_the_norm_is_at_most_epsilon(session, linear, name, ord, epsilon):
    model, x, y = linear
    settings = {} if name == 'fgsm' else {'max_iter': 10}
    x_adv, _ = attack_images(session, FIXED[name], model, x, y, epsilon=epsilon, ord=ord,
                             box=False, **settings)
    assert np.allclose(norms(x_adv, x, ord), epsilon, atol=1e-6)
    assert epsilon or np.array_equal(x_adv, x)


@pytest.mark.parametrize('name', sorted(FIXED))
def test_a_larger_ball_fools_no_fewer_and_clipping_shortens(session, linear, name):
    model, x, y = linear
    fooled = []
    for epsilon in (.02, .1, .5, 3.):
        found = found_by(session, FIXED[name], model, x, y, epsilon=epsilon)
        assert found.x_adv.min() >= 0 and found.x_adv.max() <= 1
        fooled.append(found.success.sum())
    assert sorted(fooled) == fooled and fooled[0] < fooled[-1] == len(x)
    assert norms(found.x_adv, x, np.inf).max() < 1


@pytest.mark.parametrize('name', sorted(FIXED))
@pytest.mark.parametrize('ord', [2, np.inf])
def test_a_target_is_approached_and_reached(session, linear, name, ord):
    model, x, y = linear
    targets = np.int32((y + 1) % 3)
    rows = np.arange(len(x))
    settings = {} if name == 'fgsm' else {'max_iter': 20}
    near = found_by(session, FIXED[name], model, x, y, targets=targets, epsilon=.05, ord=ord,
                    **settings)
    assert (model.softmax(near.x_adv)[rows, targets] > model.softmax(x)[rows, targets]).all()
    far = found_by(session, FIXED[name], model, x, y, targets=targets, epsilon=1.5, ord=ord,
                   **settings)
    reached = model.logits(far.x_adv).argmax(axis=1) == targets
    assert np.array_equal(far.success, reached) and reached.sum() > (5 if name == 'fgsm' else 15)


def test_targeted_fgsm_is_the_closed_form(session, linear):
    model, x, y = linear
    targets = np.int32((y + 2) % 3)
    x_adv, _ = attack_images(session, fgsm, model, x, y, targets=targets, epsilon=.1)
    gradient = model.softmax(x) @ model.weights.T - model.weights.T[targets]
    assert np.allclose(x_adv, x - .1 * np.sign(gradient), atol=1e-6)


@pytest.mark.parametrize('name', sorted(set(ATTACKS) - {'eval_robustness'}))
def test_success_is_another_class_in_float64(session, name):
    """Some images are wrong to begin with: they are successes, and unchanged."""
    model = LinearModel(np.random.RandomState(0).randn(36, 3), np.zeros(3))
    x = np.float32(np.random.RandomState(1).uniform(0, 1, (15, 6, 6, 1)))
    y = np.int32(model.logits(x.reshape(15, 36)).argmax(axis=1))
    y[::5] = (y[::5] + 1) % 3
    short = {'fgsm': .03, 'bim': .02, 'pgd': .02, 'square': .4}
    settings = dict(few_steps(name, x), **({'epsilon': short[name]} if name in short else {}))
    found = found_by(session, ATTACKS[name], flat(model), x, y, **settings)
    wrong = model.logits(found.x_adv.reshape(15, 36)).argmax(axis=1) != y
    assert np.array_equal(found.success, wrong) and wrong[::5].all()
    assert name not in short or 3 < wrong.sum() < 15
    assert np.array_equal(found.x_adv[::5], x[::5])


def test_restarts_keep_the_least_margin_and_their_number_costs_steps(session):
    """Two valleys: from most starts the ascent ends in the shallow one."""
    def model(x):
        return tf.concat([2. * tf.cos(9. * x - 4.) + x, tf.zeros_like(x)], axis=1)

    x, y = np.full((40, 1), .45, np.float32), np.zeros(40, np.int32)
    least = []
    for restarts in (1, 4, 12):
        found = found_by(session, pgd, model, x, y, noise=Noise(1), restarts=restarts, epsilon=.45,
                         max_iter=15)
        least.append(2 * np.cos(9. * np.float64(found.x_adv[:, 0]) - 4) + found.x_adv[:, 0])
        assert (found.iterations == 15 * restarts).all()
        assert norms(found.x_adv, x, np.inf).max() <= .45 + 1e-6
    assert (least[1] <= least[0] + 1e-6).all() and (least[2] <= least[1] + 1e-6).all()
    assert least[2].mean() < least[0].mean() - 1e-3


def test_deepfool_in_l_inf_is_the_closed_form(session, linear):
    """The l_inf distance to a hyperplane is the margin over the l1 norm of its normal."""
    model, x, y = linear
    found = found_by(session, deepfool, model, x, y, ord=np.inf, clip=0., box=False)
    logits = model.logits(x)
    distances = np.full(logits.shape, np.inf)
    for k in range(3):
        w = np.abs(model.weights.T[k] - model.weights.T[y]).sum(axis=1)
        other = y != k
        distances[other, k] = (logits[np.arange(len(x)), y] - logits[:, k])[other] / w[other]
    assert np.allclose(norms(found.x_adv, x, np.inf), 1.02 * (distances.min(axis=1) + 1e-4),
                       rtol=1e-3)
    assert (model.logits(found.x_adv).argmax(axis=1) == distances.argmin(axis=1)).all()
    in_l2 = found_by(session, deepfool, model, x, y, clip=0., box=False)
    assert (norms(found.x_adv, x) > norms(in_l2.x_adv, x)).all()
    assert (norms(found.x_adv, x, np.inf) < norms(in_l2.x_adv, x, np.inf)).all()


@pytest.mark.parametrize('attack,settings,bound', [
    (deepfool, {'clip': 0.}, 1.02),
    (carlini_wagner, {'max_iter': 20, 'learning_rate': .01, 'initial_const': .1}, 1.18),
    (ddn, {}, 1.01), (boundary, {}, 1.005),
], ids=['deepfool', 'carlini', 'ddn', 'boundary'])
def test_lengths_are_close_to_the_closed_form(session, attack, settings, bound):
    """Well inside the box, the distance to the closest hyperplane is the minimum."""
    fed = FedModel(30, 2)
    images, labels = placeholders(np.zeros((1, 30)))
    attacked = attack(fed, images, labels, **settings)
    for seed in range(3):
        rng = np.random.RandomState(seed)
        weights = rng.randn(30, 2)
        model = LinearModel(weights, -.5 * weights.sum(axis=0))
        x = np.float32(rng.uniform(.3, .7, (40, 30)))
        y = np.int32(model.logits(x).argmax(axis=1))
        far = closest_boundary(model, x, y)[0] > .1
        x, y = x[far], y[far]
        assert len(x) > 9
        found = session.run(attacked, {images: x, labels: y, **fed.feed(model)})
        distance, _ = closest_boundary(model, x, y)
        ratio = (norms(found.x_adv, x) - 1.1e-4) / distance   # DeepFool's margin for float32
        assert found.success.all() and (model.logits(found.x_adv).argmax(axis=1) != y).all()
        assert ratio.max() <= bound + 1e-4 and norms(found.x_adv, x).min() > 0


@pytest.mark.parametrize('confidence', [0., .5, 2.])
def test_carlini_wagners_margin_grows_with_its_confidence(session, binary, confidence):
    model, x, y = binary
    found = found_by(session, carlini_wagner, model, x, y, confidence=confidence, max_iter=200,
                     initial_const=1.)
    logits, rows = model.logits(found.x_adv), np.arange(len(x))
    margin = logits[rows, 1 - y] - logits[rows, y]
    assert found.success.all() and (margin >= confidence - 1e-4).all()
    least = boundary_distance(model, x, y, 1 - y) + confidence / 6.   # the weights have norm 6
    assert (norms(found.x_adv, x) >= least - 1e-4).all()
    assert (norms(found.x_adv, x) <= 1.1 * least + 1e-3).all()


def test_success_of_the_papers_attack_means_its_confidence(session, linear):
    """In few steps not every image gets there; another class alone is no success."""
    model, x, y = linear
    confidence = .6
    found = found_by(session, high_confidence, model, x, y, confidence=confidence, max_iter=3,
                     clip=.2)
    p = model.softmax(found.x_adv)
    reached = (p.argmax(axis=1) != y) & (p.max(axis=1) >= confidence - 1e-5)
    assert np.array_equal(found.success, reached) and 0 < reached.sum() < len(x)
    wrong = found_by(session, high_confidence, model, x, np.int32((y + 1) % 3),
                     confidence=confidence)
    assert wrong.success.all() and (wrong.iterations == 0).all()
