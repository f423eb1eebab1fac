"""The training step: order, ownership, masks, the moving average, the losses against NumPy."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from models.layers import flatten
from models.network import Network
from tests.known import open_session
from tests.training.built import Built, X, Y, same, values


@pytest.fixture(scope='module')
def shared():
    """The critic with its own settings, built once, and its initialiser."""
    with tf.Graph().as_default():
        return Built(), tf.global_variables_initializer()


@pytest.fixture
def built(shared):
    """That, as it begins; `own` is its session."""
    built, initialise = shared
    graph = initialise.graph
    with graph.as_default(), open_session(graph) as built.own:
        built.own.run(initialise)
        yield built


def test_the_critics_update_touches_the_critic_alone(built):
    session = built.own
    model, critic = values(session, built.model.variables), values(session, built.critic.variables)
    session.run(built.steps.train, built.feed(lr=0.))
    assert same(values(session, built.model.variables), model)
    assert not same(values(session, built.critic.variables), critic)


def test_the_classifiers_update_touches_the_classifier_alone(built):
    session = built.own
    model, critic = values(session, built.model.variables), values(session, built.critic.variables)
    session.run(built.steps.train, built.feed(critic_lr=0.))
    assert not same(values(session, built.model.variables), model)
    assert same(values(session, built.critic.variables), critic)


def test_the_classifier_is_updated_against_the_updated_critic(session):
    built = Built(attack_confidence=0.8, lmbd_rec_l2=0.)
    alone = built.loss('classifier')
    session.run(tf.global_variables_initializer())
    before = session.run(alone, {built.x: X, built.y: Y})
    reported = session.run(built.steps.train, built.feed(lr=0., critic_lr=0.1))['loss']
    after = session.run(alone, {built.x: X, built.y: Y})
    assert reported == pytest.approx(after, rel=1e-6)
    assert abs(reported - before) > 1e-3


def squares(session, model):
    """sum ||W||^2 over the hidden layers."""
    return sum((w ** 2).sum() for w in values(session, model.decayed))


def test_weight_decay_acts_on_the_hidden_weights_in_training(session):
    built = Built('none', weight_decay=0.01)
    session.run(tf.global_variables_initializer())
    weights = squares(session, built.model)
    metrics = session.run(built.steps.train, built.feed())
    assert metrics['loss'] - metrics['nll'] == pytest.approx(0.01 * weights / 2, rel=1e-4)


def test_pretraining_leaves_the_critic_and_counts_steps(built):
    session = built.own
    critic = values(session, built.critic.variables)
    weights = squares(session, built.model)
    first = session.run(built.steps.pretrain, built.feed())
    assert weights > 10 and first['loss'] - first['nll'] == pytest.approx(
        5e-6 * weights / 2, abs=1e-6)
    assert same(values(session, built.critic.variables), critic)
    assert session.run(built.step.read_value()) == 1
    assert session.run(built.steps.pretrain, built.feed())['nll'] < first['nll']


@pytest.mark.parametrize('given,beta1', [({}, 0.5), (dict(beta1=0.9), 0.9)])
def test_beta1_is_that_of_both_networks(session, given, beta1):
    built = Built(**given)
    session.run(tf.global_variables_initializer())
    session.run(built.steps.train, built.feed())
    slots = {
        v.op.name: session.run(v.read_value()) for v in tf.global_variables() if 'Adam' in v.op.name
    }
    for variable, optimizer in ((built.model.variables[0], 'Adam'), (built.critic.variables[0],
                                                                     'CriticAdam')):
        m, v = (slots['%s/%s%s' % (variable.op.name, optimizer, suffix)]
                for suffix in ('', '_1'))   # (1 - beta1) g, 0.001 g^2
        moved = v > 1e-12
        assert moved.mean() > 0.3
        assert np.allclose(m[moved] ** 2 / v[moved], (1 - beta1) ** 2 / 0.001, rtol=1e-3)


@pytest.mark.parametrize('critic_steps', [1, 3])
def test_the_moving_average_and_the_counter_move_once_a_step(session, critic_steps):
    built = Built(critic_steps=critic_steps)
    session.run(tf.global_variables_initializer())
    mean = [v for v in tf.global_variables() if v.op.name == 'class_confidence'][0]
    logits = session.run(built.losses.logits, {built.x: X})
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y_pred, conf = p.argmax(axis=1), p.max(axis=1)
    expected = [
        0.5 + 0.5 * conf[y_pred == k].mean() if (y_pred == k).any() else 1. for k in range(3)
    ]
    session.run(built.steps.train, built.feed())
    assert np.allclose(session.run(mean.read_value()), expected, atol=1e-6)
    assert session.run(built.step.read_value()) == 1


def test_the_attack_is_built_once_and_the_cycle_once(session):
    calls = []

    def counting(generator):
        original = generator.__call__

        class Counting(object):
            targets, target_confidence = generator.targets, generator.target_confidence

            def __call__(self, *arguments):
                calls.append(arguments)
                return original(*arguments)
        return Counting()
    Built(attack=counting, critic_steps=2)
    assert len(calls) == 2


def stopped(generator):
    """The same attack without its path to the weights."""
    class Stopped(object):
        targets, target_confidence = generator.targets, generator.target_confidence

        def __call__(self, *arguments):
            return tf.stop_gradient(generator(*arguments))
    return Stopped()


def test_dropping_the_path_through_x_hat_changes_the_gradient(session):
    gradients = []
    for attack in (None, stopped):
        with tf.Graph().as_default(), open_session() as own:
            built = Built(attack=attack, steps=False, attack_confidence=0.9)
            gradient = tf.gradients(built.loss('classifier'), built.model.decayed)[0]
            own.run(tf.global_variables_initializer())
            gradients.append(own.run(gradient, {built.x: X, built.y: Y}))
    assert np.abs(gradients[0] - gradients[1]).max() > 1e-3


def test_losses_are_finite_when_no_attack_succeeds(session):
    """A model that always predicts class 0, whatever the pixels."""
    def stubborn(layers, x):
        hidden = layers.dense(flatten(x), 8, 'fc0')
        return 0. * layers.dense(hidden, 3, 'logits', decay=False) + [50., 0., 0.]

    built = Built(model=Network('model', 1, stubborn), attack_iter=1)
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        row = session.run(built.steps.train, built.feed())
        assert row['changed'] == 0 and row['rho'] == 0
        assert all(np.isfinite(value) for name, value in row.items() if name != 'op')
    assert all(np.isfinite(v).all() for v in values(session, tf.global_variables()))


def test_losses_against_numpy(session):
    """Equations 4 to 6 put together by hand from the tensors of the graph."""
    built = Built(attack_confidence=0.8, lmbd=0.3, lmbd_rec_l1=0.02, lmbd_rec_l2=0.05, lmbd_grad=2.,
                  steps=False)
    x, noise, critic = built.x, built.noise, built.critic
    logits = built.model(x)
    y_pred = tf.argmax(logits, axis=1, output_type=tf.int32)
    targets = built.attack.targets(logits, x)
    x_hat = built.attack(x, targets, tf.fill(tf.shape(targets), 0.8))
    x_rec = built.attack(tf.stop_gradient(x_hat), y_pred,
                         tf.reduce_max(tf.nn.softmax(logits), axis=1))
    d = {
        'real': critic(x, noise=noise, call='real0'), 'adv': critic(x_hat, noise=noise,
                                                                    call='adv0'),
        'fool': critic(x_hat, noise=noise, call='fool')
    }
    slopes = {name: tf.stack([tf.gradients(d[name][:, k], at)[0] for k in range(3)], axis=1)
              for name, at in (('real', x), ('adv', x_hat))}
    classifier, critic_loss = built.loss('classifier'), built.loss('critic')
    session.run(tf.global_variables_initializer())
    v = session.run(
        dict(d, logits=logits, logits_hat=built.model(x_hat), x_rec=x_rec, classifier=classifier,
             critic=critic_loss, slopes=slopes), {x: X, built.y: Y})
    rows = np.arange(12)
    y_hat, changed = v['logits_hat'].argmax(axis=1), v['logits_hat'].argmax(
        axis=1) != v['logits'].argmax(axis=1)
    assert changed.sum() > 1
    softplus = lambda z: np.log1p(np.exp(z))
    penalty = sum((np.linalg.norm(v['slopes'][name][rows, k].reshape(12, -1), axis=1) - 1) ** 2
                  for name, k in (('real', Y), ('adv', y_hat)))
    expected = np.mean(
        softplus(-v['real'][rows, Y]) + softplus(v['adv'][rows, y_hat]) + 2. * penalty)
    assert v['critic'] == pytest.approx(expected, rel=1e-4)
    log_p = v['logits'] - np.log(np.exp(v['logits']).sum(axis=1, keepdims=True))
    rec = (v['x_rec'] - X).reshape(12, -1)
    expected = (-log_p[rows, Y].mean() + 0.3 * softplus(-v['fool'][rows, y_hat])[changed].mean() +
                0.02 * np.abs(rec).sum(axis=1)[changed].mean() + 0.05 *
                (rec**2).sum(axis=1)[changed].mean())
    assert v['classifier'] == pytest.approx(expected, rel=1e-4)
