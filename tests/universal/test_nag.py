"""The generator and its losses: norms, float64 references, linear classifiers whose universal
perturbation is known.
"""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from scipy.special import logsumexp, softmax

from models import Frozen, build_model
from models.generator import Generator, doublings
from models.layers import flatten
from tests.known import open_session
from training.step import build_steps
from universal import nag

SHAPE = (8, 8, 1)
XI = 0.2


def images(n, seed=0):
    """Images in the middle of the box, which no perturbation of norm XI leaves."""
    return np.float32(np.random.RandomState(seed).uniform(0.3, 0.7, (n,) + SHAPE))


def linear(weights, bias=0.):
    """A classifier of images: logits = x weights + bias."""
    return lambda x: tf.matmul(flatten(x), np.float32(weights)) + np.float32(bias)


def trained(x, models, steps, *, xi=XI, ord='linf', **settings):
    """A generator trained on the batch x, in a graph of its own: (20 of its perturbations, the
    metrics of the last step).
    """
    with tf.Graph().as_default(), open_session() as session:
        y = tf.placeholder(tf.int32, [None])
        step = tf.Variable(0, trainable=False, use_resource=True)
        generator = Generator(SHAPE, 1, xi=xi, universal_ord=ord)
        losses = nag.losses(generator, models, tf.constant(x), Noise(1, step.read_value()),
                            **settings)
        built = build_steps(losses, {'generator': generator},
                            {'generator': tf.train.AdamOptimizer(0.01, beta1=0.5)}, y, step)
        assert built.pretrain is None
        delta = generator.sample(20, Noise(7), 'z')
        session.run(tf.global_variables_initializer())
        for _ in range(steps):
            metrics = session.run(built.train, {y: np.zeros(len(x), np.int32)})
        return session.run(delta), metrics


def test_perturbations_have_their_norm_and_depend_on_their_z_alone(session):
    z = np.float32(np.random.RandomState(0).uniform(-1, 1, (64, 10)))
    built = {}
    for shape in (SHAPE, (28, 28, 1), (32, 32, 3)):
        for ord in ('linf', 'l2'):
            with tf.variable_scope('%s_%d' % (ord, shape[0])):
                generator = Generator(shape, 1, xi=2., universal_ord=ord)
                built[shape, ord] = generator(tf.constant(z)), generator(tf.constant(z[5:6]))
    session.run(tf.global_variables_initializer())
    for (shape, ord), (together, alone) in session.run(built).items():
        assert together.shape == (64,) + shape
        assert np.allclose(together[5:6], alone, rtol=0, atol=1e-5)
        assert np.abs(together[0] - together[1]).max() > 1e-3
        if ord == 'linf':   # u has mean 0, and is so wide that it nears xi but has a gradient
            up, live = together > 0, np.abs(together) < 2. * np.tanh(generator.spread)
            assert (up.mean(axis=(1, 2, 3)) > 0.05).all() and (~up).mean() > 0.05
            assert (live.mean(axis=(1, 2, 3)) > 0.2).all() and (~live).mean() > 0.05
        norms = np.linalg.norm(together.reshape(64, -1), {'l2': 2, 'linf': np.inf}[ord], axis=1)
        assert norms.max() <= 2. + 1e-5 and (ord == 'linf' or norms.min() >= 2. - 1e-5)
    assert [doublings(shape) for shape in (SHAPE, (28, 28, 1), (32, 32, 3))] == [1, 2, 3]


@pytest.mark.parametrize('settings, message', [
    (dict(xi=0.), '--xi is 0.0; expected a number above 0'),
    (dict(universal_ord='l1'), "--universal_ord is 'l1'"),
    (dict(latent=0), '--latent is 0; expected at least 1'),
    (dict(spread=-1.), '--spread is -1.0; expected at least 0')])
def test_what_cannot_be_a_generator_is_said(settings, message):
    with pytest.raises(UserError, match=message):
        Generator(SHAPE, 1, **settings)


def test_perturbed_images_are_in_the_box_and_move_every_pixel(session):
    x, delta = tf.constant([[0., 0.3, 1.]]), tf.constant([[-0.2, 0.4, 0.2]])
    moved = nag.perturbed(x, delta)
    value, gradient = session.run([moved, tf.gradients(moved, delta)[0]])
    assert np.allclose(value, [[0., 0.7, 1.]], atol=1e-7) and (gradient == 1).all()
    assert value.min() >= 0. and value.max() <= 1.


def test_fooling_losses_and_gradients_are_those_of_float64(session):
    rng = np.random.RandomState(0)
    logits = np.float32(np.concatenate([rng.randn(6, 4), [[40, 0, 0, 0], [-40, 0, 0, 0],
                                                         [1000, 0, 0, 0], [0, 0, 0, 0]]]))
    classes = np.int32([0, 1, 2, 3, 0, 1, 0, 0, 0, 0])
    tensor = tf.constant(logits)
    gap = nag.escape_gap(tensor, classes)
    names = sorted(nag.FOOLING)
    values = {name: nag.FOOLING[name](gap) for name in names}
    found = session.run([gap, values, {name: tf.gradients(values[name], tensor)[0]
                                       for name in names}])
    x = np.float64(logits)
    others = np.where(np.arange(4) == classes[:, None], -np.inf, x)
    expected = logsumexp(x, axis=1) - logsumexp(others, axis=1)
    assert np.allclose(found[0], expected, rtol=1e-5, atol=1e-7)
    weights = np.exp(-expected - logsumexp(-expected))
    slopes = {'mean_log': np.full(10, 0.1), 'batch_log': weights,
              'bounded': 0.1 / (1 + np.exp(-np.tanh(expected / 8))) / np.cosh(expected / 8) ** 2}
    references = {'mean_log': expected.mean(), 'batch_log': np.log(10) - logsumexp(-expected),
                  'bounded': np.mean(8 * np.log1p(np.exp(np.tanh(expected / 8))))}
    escape = softmax(x, axis=1) - softmax(others, axis=1)
    for name in names:
        assert found[1][name] == pytest.approx(references[name], rel=1e-5), name
        assert np.allclose(found[2][name], slopes[name][:, None] * escape, rtol=1e-4, atol=1e-7)


def test_no_image_is_compared_with_its_own_perturbation(session):
    """Where all are equal, the distance is 0; a feature is that of the layer which is named."""
    for n in range(2, 65):
        assert (np.roll(np.arange(n), 1) != np.arange(n)).all()
    x = tf.constant(images(4))
    network = build_model('mlp', 3, 1, '16-5')
    network(x)
    session.run(tf.global_variables_initializer())
    weights = {v.op.name[len('model/'):]: session.run(v.read_value()) for v in network.state}
    model = Frozen(network, weights)
    ramp = tf.constant(np.float32(np.arange(4).reshape(4, 1, 1, 1) / 10.) * np.ones(SHAPE, 'f'))
    of = lambda delta, feature: nag.fooling_and_distance(model, x, delta, feature, True)[-1]
    distances = session.run([of(tf.zeros_like(x) + 0.1, 'softmax'), of(ramp, 'softmax'),
                             of(ramp, 'fc1'), model.with_feature(x, 'fc1')[1]])
    assert (distances[0] < 1e-12).all()   # some processors round an image by its place
    assert (distances[1] > 1e-6).all()
    hidden = np.maximum(flat(images(4)) @ weights['fc0/weights'] + weights['fc0/bias'], 0)
    assert np.allclose(distances[3], hidden @ weights['fc1/weights'] + weights['fc1/bias'],
                       atol=1e-5)
    moved = [np.float64(images(4)) + np.roll(np.arange(4), shift).reshape(4, 1, 1, 1) / 10.
             for shift in (0, 1)]
    a, b = (np.maximum(flat(np.clip(v, 0, 1)) @ weights['fc0/weights'] + weights['fc0/bias'], 0) @
            weights['fc1/weights'] + weights['fc1/bias'] for v in moved)
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert np.allclose(distances[2], 1 - cosine, atol=1e-5)
    with pytest.raises(UserError, match="layer is 'fc9'; expected one of fc0, fc1, logits"):
        nag.losses(Generator(SHAPE, 1), [model], x, Noise(1), nag_feature='fc9')
    with pytest.raises(UserError, match="--nag_loss is 'log'"):
        nag.losses(Generator(SHAPE, 1), [model], x, Noise(1), nag_loss='log')


def flat(x):
    return np.float64(x).reshape(len(x), -1)


@pytest.mark.parametrize('ord', ['linf', 'l2'])
def test_two_classes_are_parted_by_the_sign_of_the_weights(ord):
    """The images of one class: every one is fooled that the best perturbation fools."""
    w = np.repeat(np.random.RandomState(1).randn(16), 4)   # of pixels beside each other
    x = images(200)
    logit = flat(x) @ w
    xi = XI if ord == 'linf' else 0.8
    fall = xi * (np.abs(w).sum() if ord == 'linf' else np.linalg.norm(w))
    bias = fall - np.median(logit)   # all are of the second class, and half of them can be fooled
    model = linear(np.stack([np.zeros(64), 4 * w], axis=1), [0., 4 * bias])
    best = -XI * np.sign(w) if ord == 'linf' else -xi * w / np.linalg.norm(w)
    delta, _ = trained(x, [model], 80, xi=xi, ord=ord, lmbd=0.)
    cosine = flat(delta) @ best / np.linalg.norm(flat(delta), axis=1) / np.linalg.norm(best)
    assert cosine.min() > 0.85
    moved = np.stack([flat(np.clip(x + d, 0, 1)) for d in delta])
    rate = (moved @ w + bias <= 0).mean()
    bound = ((flat(np.clip(x + best.reshape(SHAPE), 0, 1)) @ w + bias) <= 0).mean()
    assert 0.2 < bound < 0.9 and bound - 0.1 <= rate <= bound + 1e-9


def test_diversity_parts_the_perturbations_and_a_constant_classifier_is_never_fooled():
    rng = np.random.RandomState(3)
    model = linear(2 * rng.randn(64, 6))
    x = images(48)
    cosines = []
    for lmbd in (0., 1.):
        delta, metrics = trained(x, [model], 60, lmbd=lmbd)
        unit = flat(delta) / np.linalg.norm(flat(delta), axis=1, keepdims=True)
        cosines.append((unit @ unit.T)[np.triu_indices(20, 1)].mean())
        assert metrics['fooled'] > 0.7
    assert cosines[1] < cosines[0] - 0.2
    constant = lambda x: 0. * model(x) + np.float32([0, 1, 0, 0, 0, 0])
    assert trained(x, [constant], 2)[1]['fooled'] == 0
    assert trained(x, [constant, model], 20)[1]['fooled'] <= 0.5
