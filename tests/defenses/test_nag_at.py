"""NAG adversarial training: who moves, in which order, against what."""
from utils.ops import nll

import pytest
import tensorflow.compat.v1 as tf

from tests.training.built import Built, X, Y, same, values
from universal.nag import perturbed


def test_the_classifier_moves_against_the_generators_new_perturbations(session):
    built = Built('nag_at', lmbd=0.5, xi=0.25, generator_lr=0.05)
    delta = built.generator.sample(tf.shape(built.x)[0], built.noise, 'nag/z')
    expected = [tf.reduce_mean(nll(built.model(images), built.y))
                for images in (built.x, perturbed(built.x, delta))]
    session.run(tf.global_variables_initializer())
    feed = built.feed(lr=0.)
    before = values(session, built.model.variables), values(session, built.generator.variables)
    stale = session.run(expected, feed)
    row = session.run(built.steps.train, feed)
    clean, adversarial = session.run(expected, feed)
    assert row['loss'] == pytest.approx(clean + 0.5 * adversarial, rel=1e-5)
    assert abs(adversarial - stale[1]) > 1e-3 and row['generator_loss'] > -1
    assert {'fooled', 'distance'} <= set(row)
    assert same(values(session, built.model.variables), before[0])
    assert not same(values(session, built.generator.variables), before[1])
    generator = values(session, built.generator.variables)
    loss = built.losses.updates[1].loss()
    assert tf.gradients(loss, built.generator.variables) == [None] * len(generator)
    session.run(built.steps.pretrain, built.feed())
    assert same(values(session, built.generator.variables), generator)
    assert not same(values(session, built.model.variables), before[0])
    assert session.run(delta, {built.x: X, built.y: Y}).shape == X.shape
