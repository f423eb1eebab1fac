"""Fixtures: a fresh graph for each test, small models with known answers, the command line."""
import gc
import os
from unittest import mock

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.known import LinearModel, open_session
from tests.preloaded import Preloaded, first_images, look_at_signatures_once
from tests.running import ROOT
from training.session import start_graph_mode

start_graph_mode()
look_at_signatures_once()

MNIST = [os.path.join(ROOT, *place) for place in (['data'], [os.pardir, 'shared', 'data', 'mnist'])]


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: takes more than a few seconds')


def pytest_collection_finish():
    """What TensorFlow's import made is not looked through again while tests build graphs."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20000, 20, 20)


@pytest.fixture(autouse=True)
def graph():
    """Each test builds its own graph."""
    with tf.Graph().as_default() as fresh:
        yield fresh


@pytest.fixture(scope='session', autouse=True)
def grids_without_pytorch():
    """tests/figures/test_grids.py draws what the others need not wait for."""
    with mock.patch('figures.grids.draw', first_images):
        yield


@pytest.fixture
def session(graph):
    with open_session(graph) as opened:
        yield opened


@pytest.fixture(scope='session')
def scripts(tmp_path_factory):
    """Runs the entry scripts in children of a process that has imported TensorFlow."""
    with Preloaded(tmp_path_factory.mktemp('output')) as preloaded:
        yield preloaded


@pytest.fixture(scope='session')
def mnist_dir():
    found = [
        folder for folder in MNIST
        if os.path.exists(os.path.join(folder, 'train-images-idx3-ubyte.gz'))
    ]
    if not found:
        pytest.skip('the MNIST files are neither in data/ nor beside the repository')
    return found[0]


@pytest.fixture
def linear():
    """Three classes in five dimensions, with points inside the box and their labels."""
    rng = np.random.RandomState(0)
    weights = rng.randn(5, 3)
    model = LinearModel(
        weights, -0.5 * weights.sum(axis=0))   # the three classes meet in the middle of the box
    x = np.float32(rng.uniform(0.3, 0.7, (20, 5)))
    return model, x, np.int32(model.logits(x).argmax(axis=1))


@pytest.fixture
def binary():
    """Two classes in four dimensions, with points well inside the box, so that no box constraint is
    active.
    """
    rng = np.random.RandomState(1)
    w = rng.randn(4)
    w /= np.linalg.norm(w)
    model = LinearModel(np.stack([np.zeros(4), 6 * w], axis=1), [0., -3 * w.sum()])
    along = rng.choice([-1, 1],
                       (16, 1)) * rng.uniform(0.05, 0.2,
                                              (16, 1))   # the signed distance to the boundary
    across = 0.1 * rng.uniform(-1, 1, (16, 4))
    x = np.float32(0.5 + along * w + across - (across @ w)[:, np.newaxis] * w)
    return model, x, np.int32(model.logits(x).argmax(axis=1))
