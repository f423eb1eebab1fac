"""The optimizers by name, against their update rules by hand."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from training.optimizers import build_optimizers, resolve

RATE = 0.1
GRADIENTS = (np.float32([1., -2.]), np.float32([3., 0.5]))


def moved(session, optimizer, **settings):
    """Where [0, 0] is after two steps against GRADIENTS."""
    rates = {'lr': tf.constant(RATE), 'critic_lr': tf.constant(0.)}
    built = build_optimizers(rates, optimizer, **resolve(optimizer, settings))['classifier']
    place = tf.get_variable('place', initializer=[0., 0.], use_resource=True)
    gradient = tf.placeholder(tf.float32, [2])
    step = built.apply_gradients([(gradient, place)])
    session.run(tf.global_variables_initializer())
    for values in GRADIENTS:
        session.run(step, {gradient: values})
    return session.run(place)


def test_update_rules(session):
    first, second = np.float64(GRADIENTS)
    with tf.variable_scope('sgd'):
        assert np.allclose(moved(session, 'sgd'), -RATE * (first + second))
    with tf.variable_scope('momentum'):
        expected = -RATE * (first + (0.5 * first + second))
        assert np.allclose(moved(session, 'momentum', momentum=0.5), expected)
    with tf.variable_scope('adam'):
        m = (0.5 * 0.5 * first + 0.5 * second) / (1 - 0.5 ** 2)
        v = (0.999 * 0.001 * first ** 2 + 0.001 * second ** 2) / (1 - 0.999 ** 2)
        expected = -RATE * np.sign(first) - RATE * m / np.sqrt(v)
        assert np.allclose(moved(session, 'adam'), expected, rtol=1e-3)


def test_each_takes_its_own_settings():
    assert resolve('adam', {}) == {'beta1': 0.5, 'momentum': None}
    assert resolve('momentum', {}) == {'beta1': None, 'momentum': 0.9}
    assert resolve('sgd', {}) == {'beta1': None, 'momentum': None}
    assert resolve('sgd', {'beta1': 0.9}, critic=True) == {'beta1': 0.9, 'momentum': None}
    for name, given, takes in (('sgd', 'beta1', 'none'), ('sgd', 'momentum', 'none'),
                               ('momentum', 'beta1', 'momentum'), ('adam', 'momentum', 'beta1')):
        message = '--%s is not a hyper-parameter of the optimizer %s; it takes %s' % (given, name,
                                                                                      takes)
        with pytest.raises(UserError, match=message):
            resolve(name, {given: 0.5})
    with pytest.raises(UserError, match='--optimizer is .rmsprop.; expected one of adam, '):
        resolve('rmsprop', {})
