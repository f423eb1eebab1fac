"""The generator A_f in training: the straight-through gradient, the confidence it aims at, its path
to the weights.
"""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks.high_confidence import parse_confidence
from attacks.unrolled import UnrolledAttack, generate, straight_through_indicator


def test_indicator_is_zero_or_one_forward_and_a_sigmoid_backward(session):
    margin = tf.constant([-2., -1e-3, 0., 1e-3, 0.7])
    indicator = straight_through_indicator(margin)
    assert session.run(indicator).tolist() == [0., 0., 0., 1., 1.]
    sigmoid = 1 / (1 + np.exp(-np.float64([-2., -1e-3, 0., 1e-3, 0.7])))
    assert np.allclose(session.run(tf.gradients(indicator, margin)[0]), sigmoid * (1 - sigmoid))


def surrogate(a, x, c, at):
    """x_adv of one step on logits (0, a x), target 1, with I replaced by I(at) + sigmoid(c - p(a))
    - sigmoid(c - p(at)).
    """
    def p_of(weights):
        return 1 / (1 + np.exp(-x @ weights))
    w = (1 - p_of(a)) * a
    norm = np.sqrt(1e-8 + w @ w)
    step = (1e-4 + abs(np.log(c) - np.log(p_of(a))) / norm) * w / norm
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    indicator = float(p_of(at) < c) + sigmoid(c - p_of(a)) - sigmoid(c - p_of(at))
    return x + 1.05 * indicator * step


@pytest.mark.parametrize('bias,active', [(-0.9, True), (2.5, False)])
def test_gradient_of_the_attack_against_a_float64_reference(session, bias, active):
    """One step; for the image that has reached C the forward pass adds nothing, yet the indicator
    passes a gradient.
    """
    rng = np.random.RandomState(0)
    a0 = rng.randn(4)
    x = rng.uniform(size=4)
    x *= bias / (x @ a0)          # a0 x = bias
    c, v = 0.8, rng.randn(4)
    weights = tf.constant(np.float32(a0))

    def model(images):
        score = tf.reduce_sum(images * weights, axis=1)
        return tf.stack([tf.zeros_like(score), score], axis=1)

    x_adv = generate(model, tf.constant(np.float32([x])), tf.constant([1]), tf.constant([c]),
                     max_iter=1)
    gradient = tf.gradients(tf.reduce_sum(x_adv * np.float32(v)), weights)[0]
    value, slope = session.run([x_adv, gradient])
    assert (not np.allclose(value, x)) == active
    reference = [
        (v @ surrogate(a0 + 1e-6 * e, x, c, a0) - v @ surrogate(a0 - 1e-6 * e, x, c, a0)) / 2e-6
        for e in np.eye(4)
    ]
    assert np.abs(reference).max() > 1e-3
    assert np.allclose(slope, reference, rtol=2e-3, atol=2e-4)


def mlp_and_images():
    from models import build_model
    model = build_model('mlp', 3, 1, '20')
    images = np.float32(np.random.RandomState(0).uniform(size=(5, 6, 6, 1)))
    return model, tf.constant(images)


@pytest.mark.parametrize('backprop', ['per_step', 'full'])
def test_gradients_reach_the_weights_through_x_hat(session, backprop):
    model, x = mlp_and_images()
    logits = model(x)
    attack = UnrolledAttack(model, Noise(1), attack_confidence=0.9, attack_backprop=backprop)
    targets = attack.targets(logits, x)
    x_hat = attack(x, targets, attack.target_confidence(logits, targets)[0])
    gradients = tf.gradients(tf.reduce_sum(tf.square(x_hat - x)), model.decayed)
    session.run(tf.global_variables_initializer())
    assert all(np.abs(g).max() > 1e-6 for g in session.run(gradients))


def test_per_step_and_full_backpropagation_differ_in_the_gradient_alone(session):
    model, x = mlp_and_images()
    results = []
    for backprop in ('per_step', 'full'):
        attack = UnrolledAttack(model, Noise(1), attack_confidence=0.9, attack_backprop=backprop)
        x_hat = attack(x, attack.targets(model(x), x), tf.fill([5], 0.9))
        results.append(
            [x_hat, tf.gradients(tf.reduce_sum(tf.square(x_hat)), model.decayed)[0]])
    session.run(tf.global_variables_initializer())
    (x_a, g_a), (x_b, g_b) = session.run(results)
    assert np.array_equal(x_a, x_b)
    assert not np.allclose(g_a, g_b, rtol=1e-3)


def test_running_confidence_moves_by_half_and_an_absent_class_keeps_its_value(session):
    logits = tf.placeholder(tf.float32, [None, 3])
    attack = UnrolledAttack(None, Noise(1))
    c, after_step = attack.target_confidence(logits, tf.constant([0, 1, 2]))
    update, = [build() for build in after_step]
    session.run(tf.global_variables_initializer())
    p = np.float64([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.3, 0.5]])
    feed = {logits: np.log(p)}
    assert session.run(c, feed).tolist() == [1, 1, 1]
    session.run(update, feed)
    assert np.allclose(session.run(c, feed), [0.5 + 0.5 * 0.7, 1., 0.5 + 0.5 * 0.5])
    assert np.allclose(session.run(c, feed), [0.85, 1., 0.75])        # reading it changes nothing
    assert tf.gradients(c, logits) == [None]


def test_confidence_same_lets_the_gradient_flow(session):
    logits = tf.constant([[1., 0.], [0., 3.]])
    c, after_step = UnrolledAttack(None, Noise(1), attack_confidence='same').target_confidence(
        logits, tf.constant([1, 0]))
    assert np.allclose(session.run(c), 1 / (1 + np.exp([-1., -3.])))
    assert not after_step
    assert np.abs(session.run(tf.gradients(c, logits)[0])).max() > 0.04


@pytest.mark.parametrize('text', ['0', '1.5', 'high', 'nan', '-0.2'])
def test_bad_confidence(text):
    with pytest.raises(UserError, match='expected a number in'):
        parse_confidence(text)


@pytest.mark.parametrize('settings,message', [
    ({'attack_iter': 0}, '--attack_iter is 0'),
    ({'attack_ord': 'l3'}, "--attack_ord is 'l3'"),
    ({'attack_label_smoothing': 1.}, '--attack_label_smoothing is 1.0'),
    ({'attack_confidence': 'x'}, "confidence C"),
])
def test_bad_generator(settings, message):
    with pytest.raises(UserError, match=message):
        UnrolledAttack(None, Noise(1), **settings)
