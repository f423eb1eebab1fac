"""weights.npz: what it holds, what it answers, what is wrong with one; the recorded networks."""
import collections
import os

from utils.errors import UserError
from utils.files import read_json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import ATTACKS
from datasets import load_dataset
from datasets.sums import SUMS, read_sums, sha256
from evaluation.networks import (
    StoredNetwork,
    load_network,
    read_network,
    variable_name,
    write_network,
)
from models import build_model
from tests.running import ROOT
from tests.stored import random_images, random_network, reference_logits

RECORDED = os.path.join(ROOT, 'results', 'networks')
LISTED = sorted(read_sums(RECORDED)) if os.path.exists(os.path.join(RECORDED, SUMS)) else []


def stored(folder, **kwargs):
    """(the path of a weights.npz, the network in it)."""
    network = random_network(**kwargs)
    path = str(folder / 'weights.npz')
    write_network(path, network)
    return path, network


@pytest.mark.parametrize('architecture,activation', [
    ('mlp', 'relu'), ('mlp', 'lrelu'), ('mlp', 'softplus'), ('mlp', 'tanh'), ('lenet5', 'relu'),
    ('lenet5', 'tanh'), ('mlp1', 'softplus10')])
def test_the_logits_are_those_of_float64(tmp_path, session, architecture, activation):
    path, network = stored(tmp_path, architecture=architecture, activation=activation)
    images = random_images(5)
    logits = session.run(load_network(path)(tf.constant(images)))
    expected = reference_logits(network, images)
    assert np.ptp(expected) > 0.1
    assert np.allclose(logits, expected, atol=1e-5)


def test_batch_normalisation_is_stored_with_its_statistics(tmp_path, session):
    model = build_model('resnet32', 3, 1, '2-2-4')
    images = tf.constant(random_images(4))
    logits = model(images)
    session.run(tf.global_variables_initializer())
    rng = np.random.RandomState(0)
    for variable in model.state:
        if variable.shape.ndims == 1:
            variable.load(rng.uniform(0.5, 1.5, variable.shape.as_list()), session)
    weights = collections.OrderedDict((variable_name(model, v), session.run(v.read_value()))
                                      for v in model.state)
    path = str(tmp_path / 'weights.npz')
    write_network(path, StoredNetwork('resnet32', 'softplus10', [2, 2, 4], 3, [16, 18, 2], weights))
    found, expected = session.run([load_network(path)(images), logits])
    assert np.ptp(expected) > 0.01 and np.allclose(found, expected, atol=1e-6)
    with np.load(path) as arrays:
        assert sum(name.endswith('/variance') for name in arrays.files) == 31


def test_what_the_file_holds(tmp_path):
    path, network = stored(tmp_path, architecture='lenet5')
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays['layers'].tolist() == ['conv0', 'conv1', 'fc0', 'fc1', 'logits']
        assert arrays['architecture'].item() == 'lenet5'
        assert arrays['activation'].item() == 'relu'
        assert arrays['num_classes'].item() == 4
        assert arrays['layer_dims'].tolist() == [7, 6]
        assert arrays['image_shape'].tolist() == [16, 18, 2]
        assert len(arrays.files) == 6 + 10
    read = read_network(path)
    assert read[:5] == network[:5]
    assert list(read.weights) == list(network.weights)
    assert all(np.array_equal(read.weights[name], network.weights[name]) for name in read.weights)


def test_equal_networks_make_equal_files(tmp_path):
    sums = []
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        (tmp_path / name).mkdir()
        sums.append(sha256(stored(tmp_path / name, seed=seed)[0]))
    assert sums[0] == sums[1] != sums[2]


def test_networks_stand_side_by_side_without_variables(tmp_path, session):
    images = random_images(3)
    results = []
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        path, network = stored(folder, seed=seed)
        results.append((load_network(path), reference_logits(network, images)))
    with tf.variable_scope('outer'):
        logits = [model(tf.constant(images)) for model, _ in results + results]
    assert not tf.global_variables()
    for found, (_, expected) in zip(session.run(logits), results + results):
        assert np.allclose(found, expected, atol=1e-5)


def test_an_attack_without_a_run(tmp_path, session):
    """DeepFool builds the model inside its loop; the class of its images is another in float64."""
    path, network = stored(tmp_path, activation='tanh')
    images = random_images(8)
    labels = reference_logits(network, images).argmax(axis=1)
    attack = ATTACKS['deepfool'](load_network(path), tf.constant(images),
                                 tf.constant(labels, tf.int32), max_iter=50, clip=0.)
    x_adv = session.run(attack.x_adv)
    assert (reference_logits(network, x_adv).argmax(axis=1) != labels).all()
    assert x_adv.min() >= 0 and x_adv.max() <= 1


@pytest.mark.parametrize('name', ['[1]', '*?', 'back\\slash', 'vidé 数', '$x "\''])
def test_any_path(tmp_path, session, name):
    folder = tmp_path / name
    folder.mkdir()
    path, network = stored(folder)
    images = random_images(2)
    logits = session.run(load_network(path)(tf.constant(images)))
    assert np.allclose(logits, reference_logits(network, images), atol=1e-5)


def changed(path, **arrays):
    """Writes the file again with other arrays, without those that are None."""
    with np.load(path) as archive:
        values = dict(archive)
    values.update(arrays)
    np.savez(path, **{name: value for name, value in values.items() if value is not None})


def cut(path):
    with open(path, 'rb+') as stream:
        stream.truncate(os.path.getsize(path) // 2)


def flip(path):
    """Changes a byte of the first array's data."""
    with open(path, 'rb+') as stream:
        stream.seek(300)
        byte = stream.read(1)
        stream.seek(300)
        stream.write(bytes([byte[0] ^ 255]))


@pytest.mark.parametrize('spoil,expected', [
    (os.remove, 'no such file'),
    (cut, 'no zip archive'),
    (flip, 'not a readable .npz file'),
    (lambda path: changed(path, architecture=np.array(['mlp', {}], object)), 'Object arrays'),
    (lambda path: changed(path, layers=None), 'has no array layers'),
    (lambda path: changed(path, **{'fc1/bias': None}), 'has no array fc1/bias'),
    (lambda path: changed(path, architecture='mpl'), "architecture is 'mpl'"),
    (lambda path: changed(path, architecture=3), 'architecture is int64'),
    (lambda path: changed(path, activation='rely'), "activation is 'rely'"),
    (lambda path: changed(path, num_classes=0), 'num_classes is 0'),
    (lambda path: changed(path, num_classes=4.), 'num_classes is float64'),
    (lambda path: changed(path, image_shape=[16, 18]), 'image_shape is [16, 18]'),
    (lambda path: changed(path, image_shape=[16, -1, 2]), 'image_shape is [16, -1, 2]'),
    (lambda path: changed(path, layer_dims=[7, -6]), 'expected positive integers'),
    (lambda path: changed(path, layer_dims=[7]), 'layers are fc0, fc1, logits; expected fc0, log'),
    (lambda path: changed(path, layer_dims=[7, 5]), 'fc1/weights is float32 of shape (7, 6)'),
    (lambda path: changed(path, layers=['fc1', 'fc0', 'logits']), 'layers are fc1, fc0'),
    (lambda path: changed(path, **{'fc0/bias': np.zeros(7)}), 'fc0/bias is float64'),
    (lambda path: changed(path, architecture='lenet5', image_shape=[8, 8, 2]), '16 x 16'),
])
def test_what_is_wrong_is_named(tmp_path, spoil, expected):
    path = stored(tmp_path)[0]
    spoil(path)
    with pytest.raises(UserError) as error:
        load_network(path)
    message = str(error.value)
    assert message.startswith(path) and expected in message and '\n' not in message


def test_a_folder_or_an_array_is_no_network(tmp_path):
    np.save(str(tmp_path / 'a.npy'), np.zeros(3))
    for path in (str(tmp_path), str(tmp_path / 'a.npy')):
        with pytest.raises(UserError):
            read_network(path)


@pytest.mark.parametrize('name', LISTED)
def test_a_recorded_file_has_its_sum(name):
    assert sha256(os.path.join(RECORDED, name)) == read_sums(RECORDED)[name]


@pytest.mark.parametrize('name', [name for name in LISTED if name.endswith('/weights.npz')])
def test_a_recorded_network_makes_its_recorded_errors(session, request, name):
    """As many of the first test images are misclassified as network.json says."""
    model = load_network(os.path.join(RECORDED, name))
    record = read_json(os.path.join(RECORDED, os.path.dirname(name), 'network.json'))
    test = load_dataset('mnist', request.getfixturevalue('mnist_dir')).test
    count = record['checked']['images']
    assert count == 1000
    x = tf.placeholder(tf.float32, [None, 28, 28, 1])
    logits = session.run(model(x), {x: test.images(slice(count))})
    assert np.sum(logits.argmax(axis=1) != test.y[:count]) == record['checked']['errors']


def test_every_recorded_file_is_listed_and_every_network_described():
    if not os.path.isdir(RECORDED):
        pytest.skip('no network is recorded: there is no results/networks')
    found = collections.defaultdict(list)
    for folder, _, files in os.walk(RECORDED):
        found[os.path.relpath(folder, RECORDED)] += files
    assert sorted(found.pop('.')) == ['README.md', SUMS]
    assert sorted(os.path.join(*pair) for pair in
                  ((folder, name) for folder in found for name in found[folder])) == LISTED
    with open(os.path.join(RECORDED, 'README.md'), encoding='utf-8') as stream:
        text = stream.read()
    assert all(folder in text for folder in found)
