"""The ensemble: never above a member, and refined; towards every class in turn."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import boundary, deepfool, ensemble
from attacks.ensemble import MEMBERS, with_members
from attacks.targets import aims, every_class
from tests.known import attack_images, closest_boundary, placeholders


def norms(x_adv, x):
    return np.linalg.norm(np.float64(x_adv) - x, axis=1)


def test_given_images_are_refined_and_the_closest_counts(session, linear):
    """The first attack's images are 1.5 times too far; the second's are right for some images."""
    model, x, _ = linear
    y = np.int32(model.logits(x).argmax(axis=1))
    y[:3] = (y[:3] + 1) % 3
    far, _ = attack_images(session, deepfool, model, x, y, overshoot=.5, box=True)
    near, _ = attack_images(session, boundary, model, x, y)
    near = np.where(np.arange(20)[:, np.newaxis] % 2 == 0, near, x)
    x_adv, steps = attack_images(session, ensemble, model, x, y,
                                 found=[tf.constant(far), tf.constant(near)])
    right = np.arange(20) >= 3
    exact = closest_boundary(model, x, y)[0]
    assert np.array_equal(x_adv[~right], x[~right]) and not steps[~right].any()
    assert (model.logits(x_adv).argmax(axis=1) != y).all()
    assert (norms(x_adv, x)[right] <= 1.002 * exact[right]).all()
    used = right & (np.arange(20) % 2 == 0)
    assert (norms(x_adv, x)[used] <= norms(near, x)[used] * (1 + 1e-6)).all()


def test_by_itself_it_runs_its_members(session, linear):
    model, x, y = linear
    x_adv, _ = attack_images(session, ensemble, model, x, y)
    assert (norms(x_adv, x) <= 1.002 * closest_boundary(model, x, y)[0]).all()


def test_where_nothing_is_found_the_image_is_returned(session, linear):
    model, x, y = linear
    x_adv, _ = attack_images(session, ensemble, model, x, y, found=[tf.constant(x)])
    assert np.array_equal(x_adv, x)
    with pytest.raises(UserError, match='found is empty'):
        ensemble(model, *placeholders(x), found=[])


def test_the_members_come_first_and_once():
    assert with_members(['carlini', 'boundary']) == ['carlini', 'boundary']
    names = with_members(['ensemble', 'carlini', 'boundary'])
    assert names[-1] == 'ensemble' and sorted(names) == sorted(
        set(MEMBERS) | {'carlini', 'ensemble'})


def test_every_class_in_turn_is_the_closest_of_them(session, linear):
    model, x, y = linear
    inputs = placeholders(x)
    found = every_class(boundary, model, *inputs)
    towards = [boundary(model, *inputs, targets=(inputs[1] + step) % 3) for step in (1, 2)]
    (x_adv, steps), one, two = session.run([found] + towards, dict(zip(inputs, (x, y))))
    closest = np.minimum(norms(one.x_adv, x), norms(two.x_adv, x))
    assert np.allclose(norms(x_adv, x), closest, rtol=1e-5)
    assert np.allclose(closest, closest_boundary(model, x, y)[0], rtol=2e-3)
    assert (steps > one.iterations / 2).all()


def test_aims_are_other_classes_and_those_of_an_image_by_itself():
    logits = np.random.RandomState(0).randn(200, 5)
    y = np.int32(logits.argmin(axis=1))   # the least logit is the label's
    rows = np.arange(200)
    least = aims('least_likely', logits, y, index=rows, rows=rows)
    assert (least != y).all() and ((logits <= logits[rows, least][:, None]).sum(axis=1) == 2).all()
    drawn = aims('random', logits, y, index=rows, rows=rows)
    assert (drawn != y).all() and np.array_equal(drawn[50:60], aims(
        'random', logits[50:60], y[50:60], index=rows[50:60], rows=rows[:10]))
    assert np.bincount((drawn - y) % 5, minlength=5)[1:].min() > 30
    same = np.repeat(y[:50], 4)           # each image in four rows, which a batch may cut
    each = aims('each', logits[:150], same[50:], index=rows[:150] // 4, rows=rows[50:])
    assert ((each - same[50:]) % 5 == (rows[50:] % 4) + 1).all()
