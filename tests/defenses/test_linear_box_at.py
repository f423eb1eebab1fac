"""Half of each batch on, or on the way to, the boundary of a linear model."""
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from defenses.linear_box_at import closest_in_box, losses
from models import build_model


@pytest.mark.parametrize('ord', [1, 2, np.inf])
def test_a_whole_step_ends_at_the_boundary_of_the_likeliest_rival(session, linear, ord):
    model, images, labels = linear
    labels = np.where(np.arange(20) < 16, labels, (labels + 1) % 3)
    share = np.float32(np.where(np.arange(20) < 8, 1., 0.25))
    moved = session.run(closest_in_box(model, tf.constant(images), tf.constant(np.int32(labels)),
                                       tf.constant(share), ord))
    logits, after = model.logits(images), model.logits(moved)
    ranked = np.argsort(-logits, axis=1)
    rows = np.arange(20)
    lead, left = (z[rows, ranked[:, 0]] - z[rows, ranked[:, 1]] for z in (logits, after))
    assert np.allclose(left[:16], ((1 - share) * lead)[:16], atol=1e-5)
    assert np.array_equal(moved[16:], images[16:])
    assert moved.min() >= 0 and moved.max() <= 1


@pytest.mark.parametrize('given', [{'box_scale': 0.}, {'box_ord': 'linf', 'box_random': False}],
                         ids=str)
def test_the_loss_is_of_half_a_batch_moved(session, given):
    x = tf.constant(np.float32(np.random.RandomState(0).uniform(size=(9, 3, 4, 1))))
    y = tf.constant(np.int32(np.arange(9) % 3))
    model = build_model('mlp1', 3, 1, '9')
    built = losses(model, x, y, Noise(1), **given)
    loss = built.updates[0].loss()
    moved = closest_in_box(model, x[:4], y[:4], tf.ones([4]), np.inf)
    expected = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=y, logits=model(x if 'box_scale' in given else tf.concat([moved, x[4:]], axis=0)))
    session.run(tf.global_variables_initializer())
    loss, expected = session.run([loss, expected])
    assert loss == pytest.approx(expected.mean(), rel=1e-6)
