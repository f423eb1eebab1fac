"""Architectures, initialisation, the critic's noise, and who owns a variable."""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from critic import build_critic
from models import Training, build_model, default_activation
from models.layers import Layers
from tests.known import open_session
from training.loading import model_of
from training.step import check_ownership

X = np.float32(np.random.RandomState(0).uniform(size=(3, 28, 28, 1)))


def count(variables):
    return sum(int(np.prod(v.shape.as_list())) for v in variables)


def test_parameter_counts():
    mlp = build_model('mlp', 10, 1)
    assert mlp(tf.constant(X)).shape.as_list() == [3, 10]
    assert count(mlp.variables) == 785 * 1200 + 2 * 1201 * 1200 + 1201 * 10
    with tf.Graph().as_default():
        lenet5 = build_model('lenet5', 10, 1)
        assert lenet5(tf.constant(X)).shape.as_list() == [3, 10]
        assert count(lenet5.variables) == 26 * 32 + (25 * 32 + 1) * 64 + 1025 * 512 + 513 * 10


def test_mlp1_is_the_published_network(session):
    """f = W^T softplus(10 U^T x) / 10, N(0, 1 / (fan in * fan out)), both matrices decayed."""
    model = build_model('mlp1', 10, 1, '200')
    logits = model(tf.constant(X))
    session.run(tf.global_variables_initializer())
    u, w = session.run([v.read_value() for v in model.variables])
    assert u.shape == (784, 200) and w.shape == (200, 10) and model.decayed == model.variables
    assert u.std() == pytest.approx(1 / np.sqrt(784 * 200), rel=0.02)
    assert w.std() == pytest.approx(1 / np.sqrt(200 * 10), rel=0.05)
    hidden = np.logaddexp(10 * X.reshape(3, -1).astype(np.float64) @ u, 0) / 10
    assert np.allclose(session.run(logits), hidden @ w, atol=1e-6)
    assert [default_activation(name) for name in ('mlp', 'mlp1')] == ['relu', 'softplus10']


def test_resnet32_sees_each_image_by_itself(session):
    """32 layers with weights; tested, images alone and in a batch have equal logits and gradients;
    in training the statistics are the batch's, and move towards it.
    """
    images = np.float32(np.random.RandomState(0).uniform(size=(64, 8, 8, 3)))
    model = build_model('resnet32', 10, 1, '4-6-8')
    x = tf.placeholder(tf.float32, [None, 8, 8, 3])
    logits = model(x)
    matrices = [v for v in model.variables if v.shape.ndims > 1]
    assert len(matrices) == 32 and model.decayed == matrices
    assert len(model.state) - len(model.variables) == 2 * 31 and not model.after_step
    trained = model.trained(x, logits, Training(Noise(1), keep_hidden=0.5))
    after = [build() for build in model.after_step]
    assert len(after) == 2 * 31
    slope = tf.gradients(logits[:, 3], x)[0]
    session.run(tf.global_variables_initializer())
    before = session.run(trained, {x: images})
    for _ in range(3):
        session.run(after, {x: images})
    whole = session.run([logits, slope], {x: images})
    for i in (0, 5, 63):
        alone = session.run([logits, slope], {x: images[i:i + 1]})
        for one, other in zip(alone, whole):
            assert np.allclose(one[0], other[i], rtol=1e-4, atol=1e-5)
    assert np.abs(whole[1]).max() > 1e-4
    assert np.array_equal(session.run(trained, {x: images}), before)
    first = session.run(trained, {x: images[:4]})
    assert np.abs(first - before[:4]).max() > 1e-3
    assert matrices[1].shape.as_list() == [3, 3, 4, 4]
    std = session.run(matrices[-2].read_value()).std()
    assert std == pytest.approx(np.sqrt(2 / (9. * 8)), rel=0.1)


def test_dropout_keeps_a_share_and_the_mean(session):
    """With all pixels 1 and one unit for each, a dropped pixel is a dropped unit."""
    step = tf.placeholder(tf.int32, [])
    training = Training(Noise(1, step), 0.8, 0.5)
    ones = tf.ones([200, 100])
    drop = [training.drop(ones, 0.8, name) for name in ('input', 'fc0')]
    first, other = session.run(drop, {step: 0})
    assert set(np.unique(first)) == {0., np.float32(1 / 0.8)} and first.mean() == pytest.approx(
        1, abs=0.02)
    assert (first != other).any() and np.array_equal(session.run(drop[0], {step: 0}), first)
    assert (session.run(drop[0], {step: 1}) != first).any()
    model = build_model('mlp1', 10, 1, '50')
    logits = model(tf.constant(X))
    assert model.trained(tf.constant(X), logits, Training(Noise(1))) is logits
    dropped = model.trained(tf.constant(X), logits, training)
    session.run(tf.global_variables_initializer())
    plain, dropped = session.run([logits, dropped], {step: 0})
    assert len(model.variables) == 2 and (plain != dropped).all()
    with pytest.raises(UserError, match='--keep_input is 0'):
        Training(Noise(1), 0.)


def test_batch_normalisation_by_hand(session):
    """In training the moments of the batch, tested the running ones, which move by 1 - decay."""
    layers = Layers(1)
    values = np.random.RandomState(0).randn(6, 4, 4, 2) * 3 + 1
    x = tf.constant(values, tf.float32)
    with tf.variable_scope('n', reuse=tf.AUTO_REUSE, use_resource=True):
        frozen, batch = (layers.batch_norm(x, 'bn', batch=batch) for batch in (False, True))
    after = [build() for build in layers.after_step]
    session.run(tf.global_variables_initializer())
    mean, variance = values.mean(axis=(0, 1, 2)), values.var(axis=(0, 1, 2))
    assert np.allclose(session.run(batch), (values - mean) / np.sqrt(variance + 1e-3), atol=1e-5)
    assert np.allclose(session.run(frozen), values / np.sqrt(1 + 1e-3), atol=1e-5)
    session.run(after)
    running = session.run([v.read_value() for v in layers.statistics])
    assert np.allclose(running[0], 0.1 * mean, atol=1e-5)
    assert np.allclose(running[1], 0.9 + 0.1 * variance, atol=1e-5)
    assert len(layers.variables) == 2 and not layers.decayed


def test_a_network_shares_its_variables_between_calls(session):
    model = build_model('mlp', 10, 1, '16')
    first, second = model(tf.constant(X)), model(tf.constant(X))
    assert len(model.variables) == 4
    session.run(tf.global_variables_initializer())
    assert np.array_equal(*session.run([first, second]))


def test_truncated_initial_weights_have_the_same_variance_and_no_tails(session):
    drawn = {}
    for name in ('normal', 'truncated_normal'):
        model = build_model('mlp', 10, 1, '300', scope=name, initial_weights=name)
        model(tf.constant(X))
        session.run(tf.global_variables_initializer())
        drawn[name] = session.run(model.variables[0].read_value()) / np.sqrt(2. / 784)
    assert all(weights.std() == pytest.approx(1, abs=.005) for weights in drawn.values())
    assert np.abs(drawn['normal']).max() > 4
    assert 2.2 < np.abs(drawn['truncated_normal']).max() <= 2. / .8796256610342398 + 1e-6
    critic = build_critic(10, 1, 'truncated_normal', critic_layer_dims='300')
    critic(tf.constant(X))
    session.run(tf.global_variables_initializer())
    assert np.abs(session.run(critic.variables[0].read_value())).max() < 2.28 * np.sqrt(2. / 784)
    with pytest.raises(UserError, match="--initial_weights is 'cauchy'; expected one of glorot_un"):
        build_model('mlp', 10, 1, initial_weights='cauchy')


def test_glorot_initial_weights_are_uniform_and_look_at_both_fans(session):
    model = build_model('lenet5', 10, 1, initial_weights='glorot_uniform')
    model(tf.constant(X))
    session.run(tf.global_variables_initializer())
    weights = {v.op.name: session.run(v.read_value()) for v in model.variables
               if v.op.name.endswith('weights')}
    fans = {tuple(w.shape): (np.prod(w.shape[:-1]), np.prod(w.shape[:-2]) * w.shape[-1])
            for w in weights.values()}
    assert len(fans) == 4
    for w in weights.values():
        limit = np.sqrt(6. / sum(fans[w.shape]))
        assert np.abs(w).max() <= limit
        assert w.std() == pytest.approx(limit / np.sqrt(3.), rel=.05)
    assert fans[(5, 5, 1, 32)] == (25, 800)
    assert fans[(1024, 512)] == (1024, 512)


def test_a_run_is_built_again_with_its_own_initial_weights():
    args = dict(model='lenet5', seed=1, layer_dims='32', activation_fn='relu')
    largest = []
    for named in ({}, dict(initial_weights='glorot_uniform')):
        with tf.Graph().as_default(), tf.Session() as own:
            model = model_of(dict(num_classes=10, args=dict(args, **named)))
            model(tf.constant(X))
            own.run(tf.global_variables_initializer())
            largest.append(np.abs(own.run(model.variables[0].read_value())).max())
    assert largest[1] <= np.sqrt(6. / 825) < largest[0]


def test_initialisation_is_he_and_depends_on_seed_and_name_alone(session):
    a = build_model('mlp', 10, 1, '300-300')
    b = build_model('mlp', 10, 2, '300-300', scope='other')
    a(tf.constant(X))
    b(tf.constant(X))
    session.run(tf.global_variables_initializer())
    weights = session.run(a.decayed)
    for w in weights:
        assert w.std() == pytest.approx(np.sqrt(2. / w.shape[0]), rel=0.02)
    assert not np.allclose(weights[0], session.run(b.decayed[0]))
    with tf.Graph().as_default(), open_session() as again:
        build_critic(10, 1)(tf.constant(X))   # other variables beside it
        c = build_model('mlp', 10, 1, '300-300')
        c(tf.constant(X))
        again.run(tf.global_variables_initializer())
        assert np.array_equal(again.run(c.decayed[0]), weights[0])


def test_every_variable_has_one_owner():
    model, critic = build_model('mlp', 10, 1, '8'), build_critic(10, 1, critic_layer_dims='8')
    model(tf.constant(X))
    check_ownership(classifier=model.variables, critic=critic.variables)
    with pytest.raises(ValueError, match="belongs to .'classifier', 'critic'."):
        check_ownership(classifier=model.variables, critic=model.variables)
    critic(tf.constant(X))
    with pytest.raises(ValueError, match='critic/fc0/weights belongs to nobody'):
        check_ownership(classifier=model.variables)


@pytest.mark.parametrize('arguments,message', [
    (('resnet', 10, 1), '--model is .resnet.; expected one of autoencoder, fc, lenet5, mlp, '
     'mlp1, resnet32'),
    (('mlp', 10, 1, '12-x'), '--layer_dims is .12-x.'),
    (('mlp', 10, 1, '0'), '--layer_dims is .0.'),
    (('mlp', 10, 1, '\u00b2'), '--layer_dims is'),
    (('mlp', 10, 1, None, 'sigm'), 'activation_fn is .sigm.'),
    (('mlp1', 10, 1, '8-8'), '--layer_dims is 8-8; expected one hidden layer for mlp1'),
])
def test_bad_architectures(arguments, message):
    with pytest.raises(UserError, match=message):
        build_model(*arguments)(tf.constant(X))
