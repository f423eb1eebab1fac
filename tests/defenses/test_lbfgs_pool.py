"""Pools of adversarial images: what is put into them, and which layers learn of them."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from models import build_model
from tests.training.built import Built, X, Y

SETTINGS = dict(pool_layers=2, pool_size=6, pool_new=12, pool_every=1, pool_max_iter=10,
                pool_search_steps=3)


def test_each_layer_has_a_pool_that_fools_the_layers_above_and_teaches_them(session):
    """No pool image counts before there is one; of the loss's gradient, what comes from the second
    pool reaches the layers above it alone.
    """
    built = Built('lbfgs_pool', model=build_model('fc', 3, 1, '16-16-3'), moving=True, **SETTINGS)
    model = built.model
    inputs, labels = ([v for v in tf.global_variables() if v.op.name == 'pool%d/%s' % place]
                      for place in ((1, 'inputs'), (1, 'labels')))
    h = tf.placeholder(tf.float32, [None, 16])
    of_pool = model(h, layers_from=1)
    slopes = tf.gradients(of_pool, model.variables)
    loss = built.loss('classifier')
    session.run(tf.global_variables_initializer())
    logits, first = session.run([built.losses.logits, loss], built.feed())
    nll = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(12), Y]
    assert first == pytest.approx(nll.mean(), rel=1e-5)
    assert [slope is None for slope in slopes] == [True] * 2 + [False] * 4
    assert np.allclose(session.run(of_pool, {h: session.run(model(built.x, layers_to=1),
                                                            built.feed())}), logits, atol=1e-5)
    for _ in range(12):
        session.run(built.steps.train, built.feed(lr=3e-2))
    kept, known = session.run([inputs[0].read_value(), labels[0].read_value()])
    filled = known >= 0
    assert filled.sum() > 3 and kept.shape == (6, 16)
    assert (kept[filled] >= 0).all() and (kept[filled] <= 1).all() and kept[filled].std() > 0
    fooled = session.run(of_pool, {h: kept}).argmax(axis=1) != known
    assert fooled[filled].mean() > .4   # those of earlier steps have been learned from
    assert abs(session.run(loss, built.feed()) - session.run(
        tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=Y, logits=model(tf.constant(X)))))) > 1e-3


def test_pools_that_cannot_be():
    with pytest.raises(UserError, match='--pool_layers is more than 1; mlp is given images alone'):
        Built('lbfgs_pool', pool_layers=2)
    with tf.Graph().as_default(), pytest.raises(UserError, match='--pool_layers is 4; expected at '
                                                'most the 3 layers'):
        Built('lbfgs_pool', model=build_model('fc', 3, 1, '16-16-3'), pool_layers=4,
              steps=False)
