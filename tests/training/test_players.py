"""Players other than classifier and critic, and networks that nobody moves."""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from models import Training, build_model
from models.layers import flatten
from models.network import Network
from training.objective import Losses, Update
from training.step import build_steps

X = np.float32(np.random.RandomState(0).uniform(size=(12, 6, 6, 1)))
Y = np.int32(np.arange(12) % 3)


def generator(layers, z):
    """z [n, 4] -> delta [n, 6, 6, 1]."""
    return tf.reshape(0.2 * tf.tanh(layers.dense(z, 36, 'fc0')), [-1, 6, 6, 1])


def built(frozen):
    """A generator that lowers the classifier's confidence in the labels: (classifier, generator,
    Steps, feed).
    """
    x = tf.placeholder(tf.float32, [None, 6, 6, 1])
    y = tf.placeholder(tf.int32, [None])
    step = tf.get_variable('step', [], tf.int32, tf.zeros_initializer(), trainable=False,
                           use_resource=True)
    classifier = build_model('mlp', 3, 1, '16', scope='frozen')
    player = Network('generator', 2, generator)
    logits = classifier(x)

    def loss():
        delta = player(flatten(x)[:, :4])
        return tf.reduce_mean(tf.gather(tf.nn.log_softmax(classifier(x + delta)), 0, axis=1))

    losses = Losses(logits, [Update('generator', loss)])
    optimizers = {'generator': tf.train.AdamOptimizer(0.1)}
    steps = build_steps(losses, {'generator': player}, optimizers, y, step,
                        frozen=[classifier] if frozen else [])
    return classifier, player, steps, {x: X, y: Y}


def test_a_generator_learns_and_leaves_the_frozen_classifier_as_it_was(session):
    classifier, player, steps, feed = built(frozen=True)
    assert steps.pretrain is None
    session.run(tf.global_variables_initializer())
    networks = (classifier, player)
    before = [[session.run(v).tobytes() for v in network.variables] for network in networks]
    losses = [session.run(steps.train, feed)['loss'] for _ in range(5)]
    after = [[session.run(v).tobytes() for v in network.variables] for network in networks]
    assert losses[-1] < losses[0]
    assert after[0] == before[0] and after[1] != before[1]


def test_a_network_that_is_nobodys_is_an_error():
    with pytest.raises(ValueError, match='frozen/fc0/weights belongs to nobody'):
        built(frozen=False)


def test_two_classifiers_of_one_graph_have_variables_of_their_own(session):
    x = tf.constant(X)
    first = build_model('mlp', 3, 1, '16')
    second = build_model('mlp', 3, 2, '16', scope='second')
    logits = [first(x), second(x)]
    session.run(tf.global_variables_initializer())
    assert not {v.op.name for v in first.variables} & {v.op.name for v in second.variables}
    assert not np.allclose(*session.run(logits))
    assert set(second.saved_as('model')) == {v.op.name for v in first.variables}


def test_what_a_model_does_in_training_alone_is_asked_for(session, monkeypatch):
    import models

    def noisy(layers, x, num_classes, training, *, layer_dims=(1,), activation_fn=None):
        net = layers.dense(flatten(x), num_classes, 'logits', decay=False)
        return net + 100. if training.batch_statistics else net

    monkeypatch.setitem(models.MODELS, 'noisy', noisy)
    model = build_model('noisy', 3, 1)
    in_training = Training(Noise(1))
    logits = [model(tf.constant(X)), model(tf.constant(X), training=in_training)]
    session.run(tf.global_variables_initializer())
    plain, training = session.run(logits)
    assert np.allclose(training, plain + 100.)
    plain_model = build_model('mlp', 3, 1, '16', scope='plain')
    assert plain_model(tf.constant(X), training=in_training).shape.as_list() == [12, 3]
    with pytest.raises(UserError, match='the model mlp has no dropout, expected 1'):
        plain_model(tf.constant(X), training=Training(Noise(1), keep_hidden=0.5))
