"""The networks of Szegedy et al.: layers and decay by hand, an autoencoder that is frozen."""
from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from defenses import none
from models import build_model
from training.optimizers import build_optimizers
from training.step import build_steps

X = np.float32(np.random.RandomState(0).uniform(size=(3, 28, 28, 1)))


def test_fc_is_a_softmax_or_sigmoid_layers_with_decay_by_their_units(session):
    """FC10(l): l sum w^2 / 10; FC20-30-10(l, l, l / 10): each layer's by its own units."""
    nets = [build_model('fc', 10, 1, text, scope=text) for text in ('10', '20-30-10')]
    logits = [net(tf.constant(X)) for net in nets]
    penalties = [net.weight_penalty() for net in nets]
    session.run(tf.global_variables_initializer())
    weights = [session.run([v.read_value() for v in net.decayed]) for net in nets]
    assert [[w.shape[1] for w in found] for found in weights] == [[10], [20, 30, 10]]
    sums = [[np.square(np.float64(w)).sum() / w.shape[1] for w in found] for found in weights]
    expected = [sums[0][0], sums[1][0] + sums[1][1] + sums[1][2] / 10]
    assert np.allclose(session.run(penalties), expected, rtol=1e-5)
    net = X.reshape(3, -1)
    for w in weights[1][:-1]:
        net = 1 / (1 + np.exp(-np.float64(net) @ w))
    assert np.allclose(session.run(logits[1]), net @ weights[1][-1], atol=1e-5)
    assert np.allclose(session.run(logits[0]), X.reshape(3, -1) @ weights[0][0], atol=1e-5)
    with pytest.raises(UserError, match='--layer_dims is 100-100; expected the logits of 10'):
        build_model('fc', 10, 1, '100-100')(tf.constant(X))


def test_an_autoencoder_is_trained_and_then_frozen(session):
    """Pretraining moves all but the softmax, against reconstruction and sparsity alone; training
    moves the softmax.
    """
    x, y = tf.constant(X), tf.constant([1, 5, 7])
    model = build_model('autoencoder', 10, 1, '30')
    step = tf.get_variable('step', [], tf.int32, tf.zeros_initializer(), trainable=False,
                           use_resource=True)
    losses = none.losses(model, x, y, Noise(1))
    steps = build_steps(losses, {'classifier': model}, build_optimizers(
        {'lr': .1, 'critic_lr': .1}, 'momentum'), y, step, x=x, weight_decay=1e-3)
    loss = model.pretraining_loss(x)
    session.run(tf.global_variables_initializer())
    names = [v.op.name.split('/')[1] for v in model.variables]
    assert names == ['fc0', 'fc0', 'logits', 'logits', 'decoder', 'decoder']
    before = session.run([loss] + [v.read_value() for v in model.variables])
    u, b, _, _, w, c = [np.float64(part) for part in before[1:]]
    pixels = np.float64(X.reshape(3, -1))
    code = 1 / (1 + np.exp(-pixels @ u - b))
    error = np.square(1 / (1 + np.exp(-code @ w - c)) - pixels).mean()
    mean = code.mean(axis=0)
    kl = .05 * np.log(.05 / mean) + .95 * np.log(.95 / (1 - mean))
    assert before[0] == pytest.approx(error + 1e-3 * kl.sum(), rel=1e-5)
    moved = []
    for fetched in (steps.pretrain, steps.train):
        for _ in range(20):
            session.run(fetched)
        after = session.run([loss] + [v.read_value() for v in model.variables])
        moved.append([name for name, old, new in zip(names, before[1:], after[1:])
                      if not np.array_equal(old, new)])
        before, rest = after, before[0]
        assert (before[0] < .9 * rest) == (fetched is steps.pretrain)
    assert moved == [['fc0', 'fc0', 'decoder', 'decoder'], ['logits', 'logits']]
