"""The Jacobian of every kind of model that can be differentiated, against one gradient a class."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import attacks.jacobian
from attacks.jacobian import jacobian
from models import build_model

IMAGES = np.float32(np.random.RandomState(0).uniform(size=(5, 8, 8, 2)))


def weights(*shape):
    return tf.constant(.3 * np.random.RandomState(sum(shape)).randn(*shape), tf.float32)


def flat(x):
    return tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))])


def head(h):
    h = flat(h)
    return tf.matmul(h, weights(int(h.shape[1]), 5))


def hidden(x):
    return tf.matmul(flat(x), weights(128, 20))


def dropout(x):
    """Dropout behind a placeholder, as Keras has it."""
    training = tf.placeholder_with_default(False, [])
    return tf.cond(training, lambda: tf.nn.dropout(flat(x), rate=.5), lambda: flat(x))


def recurrent(x):
    """Eight steps over the rows."""
    rows = tf.transpose(tf.reshape(x, [-1, 8, 16]), [1, 0, 2])

    def step(i, state):
        into = tf.matmul(tf.gather(rows, i), weights(16, 12))
        return i + 1, tf.tanh(into + tf.matmul(state, weights(12, 12)))
    start = tf.zeros([tf.shape(x)[0], 12])
    return tf.while_loop(lambda i, state: i < 8, step, [0, start])[1]


def normalised(x):
    return tf.nn.fused_batch_norm(x, tf.ones([2]), tf.zeros([2]), mean=tf.zeros([2]),
                                  variance=tf.ones([2]), is_training=False)[0]


@tf.custom_gradient
def own_gradient(x):
    return tf.maximum(x, 0.), lambda d: 2. * d * tf.cast(x > 0, x.dtype)


MODELS = {
    'relu': lambda x: head(tf.nn.relu(hidden(x))),
    'leaky_relu': lambda x: head(tf.nn.leaky_relu(hidden(x))),
    'elu, selu, softplus': lambda x: head(
        tf.nn.elu(hidden(x)) + tf.nn.selu(hidden(x)) + tf.nn.softplus(hidden(x))),
    'tanh, sigmoid, square': lambda x: head(
        tf.tanh(hidden(x)) * tf.sigmoid(hidden(x)) - tf.square(hidden(x))),
    'maximum': lambda x: head(tf.maximum(hidden(x), -.1 * hidden(x))),
    'log_softmax': lambda x: tf.nn.log_softmax(head(x)),
    'l2_normalize': lambda x: head(tf.nn.l2_normalize(flat(x), 1)),
    'own gradient': lambda x: head(own_gradient(flat(x))),
    'cond': lambda x: head(dropout(x)),
    'while_loop': lambda x: tf.matmul(recurrent(x), weights(12, 5)),
    'map_fn': lambda x: tf.map_fn(lambda image: head(tf.expand_dims(image, 0))[0], x),
    'depthwise': lambda x: head(
        tf.nn.depthwise_conv2d(x, weights(3, 3, 2, 2), [1, 1, 1, 1], 'SAME')),
    'separable': lambda x: head(tf.nn.separable_conv2d(
        x, weights(3, 3, 2, 2), weights(1, 1, 4, 3), [1, 1, 1, 1], 'SAME')),
    'dilated': lambda x: head(tf.nn.atrous_conv2d(x, weights(3, 3, 2, 4), 2, 'SAME')),
    'conv3d': lambda x: head(
        tf.nn.conv3d(tf.expand_dims(x, 4), weights(3, 3, 2, 1, 4), [1] * 5, 'SAME')),
    'batch norm': lambda x: head(normalised(x)),
    'pools': lambda x: head(tf.nn.max_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')
                            + tf.nn.avg_pool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')),
    'resize': lambda x: head(tf.image.resize_bilinear(x, [4, 4])),
    'local response': lambda x: head(tf.nn.lrn(x)),
    'top_k': lambda x: head(tf.nn.top_k(flat(x), 30)[0]),
    'gather': lambda x: head(tf.gather(flat(x), list(range(0, 128, 2)), axis=1)),
    'einsum': lambda x: tf.einsum('nhwc,hwck->nk', x, weights(8, 8, 2, 5)),
}


@pytest.mark.parametrize('name', sorted(MODELS))
def test_every_model_has_a_jacobian_in_the_loop_of_an_attack(session, name):
    """Two steps of a loop, as the attacks take them; the reference takes a gradient a class."""
    def summed(x, gradients):
        def step(i, x):
            return i + 1, x + .01 * gradients(MODELS[name](x), x)
        return tf.while_loop(lambda i, x: i < 2, step, [0, x], back_prop=False)[1]

    def one_by_one(logits, x):
        return sum(j * tf.gradients(logit, x)[0]
                   for j, logit in enumerate(tf.unstack(logits, axis=1)))

    def all_at_once(logits, x):
        factors = np.arange(5, dtype=np.float32).reshape(1, 5, 1, 1, 1)
        return tf.reduce_sum(factors * jacobian(logits, x), axis=1)

    x = tf.placeholder(tf.float32, [None, 8, 8, 2])
    expected, found = session.run([summed(x, one_by_one), summed(x, all_at_once)], {x: IMAGES})
    assert np.allclose(found, expected, atol=1e-5) and np.abs(found - IMAGES).max() > 1e-3


@pytest.mark.parametrize('build,expected', [
    (lambda x: build_model('mlp', 5, 1, '20', 'relu')(x), True),
    (lambda x: build_model('mlp', 5, 1, '20', 'softplus')(x), True),
    (lambda x: build_model('lenet5', 5, 1)(x), False),
    (MODELS['cond'], False),
])
def test_dense_networks_are_differentiated_in_one_pass(build, expected):
    x = tf.placeholder(tf.float32,
                       [None, 28, 28, 1] if build is not MODELS['cond'] else [1, 8, 8, 2])
    outside = attacks.jacobian._runs_side_by_side(build(x), x)
    inside = []

    def step(i, x):
        inside.append(attacks.jacobian._runs_side_by_side(build(x), x))
        return i + 1, x
    with tf.variable_scope('again'):
        tf.while_loop(lambda i, x: i < 2, step, [0, x], back_prop=False)
    assert outside == inside[0] == expected


@pytest.mark.parametrize('model', ['relu', 'leaky_relu'])
def test_chosen_classes_and_chunks(session, monkeypatch, model):
    """Rows of the whole Jacobian, whether or not they are taken in several chunks."""
    x = tf.constant(IMAGES)
    logits = MODELS[model](x)
    classes = np.int32([[4, 0, 2], [1, 1, 3], [0, 1, 2], [2, 4, 0], [3, 2, 1]])
    whole = jacobian(logits, x)
    monkeypatch.setattr(attacks.jacobian, 'CLASSES_AT_ONCE', 2)
    whole, chosen, chunks = session.run(
        [whole, jacobian(logits, x, tf.constant(classes)), jacobian(logits, x)])
    assert np.allclose(chosen, whole[np.arange(5)[:, np.newaxis], classes], atol=1e-6)
    assert np.allclose(chunks, whole, atol=1e-6) and whole.shape == (5, 5, 8, 8, 2)
