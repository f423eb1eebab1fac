"""The layers of a network as its graph has them, and their norms."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from certificates import Network
from certificates.layers import Convolution
from certificates.product import map_norms
from evaluation import certify
from evaluation.networks import build, write_network
from models import build_model
from properties.layers import is_chain, layers_of
from properties.runs import Opened
from properties.spectral import layer_norm, spectral
from tests.certificates.reference import matrix_of
from tests.stored import random_network


def opened(network, path):
    """A StoredNetwork, written, as an Opened."""
    write_network(path, network)
    args = {'model': network.architecture, 'seed': 0, 'activation_fn': network.activation,
            'layer_dims': '-'.join(map(str, network.layer_dims))}
    return Opened(None, {'args': args, 'num_classes': network.num_classes,
                         'image_shape': network.image_shape}, path)


@pytest.mark.parametrize('architecture,names', [
    ('mlp', ['fc0', 'fc1', 'logits']), ('mlp1', ['fc0', 'logits']),
    ('lenet5', ['conv0', 'conv1', 'fc0', 'fc1', 'logits'])])
def test_the_product_is_that_of_the_global_certificate(tmp_path, architecture, names):
    network = random_network(architecture)
    found = spectral(opened(network, str(tmp_path / 'weights.npz')))
    assert [layer['name'] for layer in found['layers']] == names
    norms = [layer['norm'] for layer in found['layers']]
    hidden = map_norms(Network(certify.layers_of(network), network.image_shape))
    assert norms[:-1] == pytest.approx(hidden, rel=1e-12)
    logits = np.linalg.svd(np.float64(network.weights['logits/weights']), compute_uv=False)[0]
    assert norms[-1] == pytest.approx(logits, rel=1e-8) and norms[-1] >= logits
    assert found['product'] == pytest.approx(np.prod(norms))


def test_what_stands_before_and_after_an_activation(session):
    """With the bias, which a network may lack, and for LeNet-5 after pooling; slopes in two ops."""
    for architecture, activation in (('mlp', 'softplus10'), ('mlp1', 'relu'), ('lenet5', 'tanh')):
        network = random_network(architecture, activation)
        x = tf.placeholder(tf.float32, [None, 16, 18, 2])
        with tf.variable_scope(architecture):
            model = build(network)
            logits = model(x)
        layers = layers_of(model, logits)
        assert is_chain(model, x, logits)
        assert layers[-1].after is None and layers[-1].before.name == logits.name
        session.run(tf.global_variables_initializer())
        images = np.random.RandomState(0).rand(3, 16, 18, 2)
        before, after = session.run([layers[0].before, layers[0].after], {x: images})
        if architecture == 'lenet5':
            assert before.shape == (3, 12, 14, 32) and after.shape == (3, 6, 7, 32)
            assert np.allclose(after[:, 0, 0], np.tanh(before[:, :2, :2].max(axis=(1, 2))),
                               atol=1e-6)
        elif architecture == 'mlp':
            assert np.allclose(after, np.logaddexp(0, 10 * before) / 10, atol=1e-5)
        else:
            assert np.allclose(after, np.maximum(before, 0))


def test_a_residual_network_has_layers_and_no_product():
    x = tf.placeholder(tf.float32, [None, 8, 8, 3])
    model = build_model('resnet32', 4, 0, '2-2-2')
    logits = model(x)
    layers = layers_of(model, logits)
    assert len(layers) == 32 and not is_chain(model, x, logits)
    assert {layer.padding for layer in layers[:-1]} == {'SAME'}
    assert [layer.stride for layer in layers].count(2) == 2
    strided = [layer for layer in layers if layer.stride == 2][1]
    assert strided.image == (4, 4)
    weights = np.random.RandomState(0).randn(3, 3, 2, 2)
    matrix, _, _ = matrix_of(Convolution(weights, np.zeros(2), 2, 'SAME'), (4, 4, 2))
    exact = np.linalg.svd(matrix, compute_uv=False)[0]
    assert exact <= layer_norm(strided, weights) <= 1.5 * exact
