"""Fixtures: a fresh graph for each test, small models with known answers, the command line."""
import os
import subprocess
import sys

import numpy as np
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from tests.preloaded import Preloaded   # noqa: E402
from utils import cli   # noqa: E402

cli.quiet_tensorflow()

import tensorflow.compat.v1 as tf   # noqa: E402

from utils.session import start_graph_mode   # noqa: E402

start_graph_mode()

MNIST = [os.path.join(ROOT, *place) for place in (['data'], [os.pardir, 'shared', 'data', 'mnist'])]


def pytest_configure(config):
    config.addinivalue_line('markers', 'slow: takes more than a few seconds')


@pytest.fixture(autouse=True)
def graph():
    """Each test builds its own graph."""
    with tf.Graph().as_default() as fresh:
        yield fresh


@pytest.fixture
def session(graph):
    with tf.Session(graph=graph) as opened:
        yield opened


@pytest.fixture(scope='session')
def scripts(tmp_path_factory):
    """Runs the entry scripts in children of a process that has imported TensorFlow."""
    with Preloaded(tmp_path_factory.mktemp('output')) as preloaded:
        yield preloaded


@pytest.fixture(scope='session')
def mnist_dir():
    found = [folder for folder in MNIST if os.path.exists(os.path.join(folder, 'train-images-idx3-ubyte.gz'))]
    if not found:
        pytest.skip('the MNIST files are neither in data/ nor beside the repository')
    return found[0]


class LinearModel(object):
    """logits = x weights + bias on inputs [n, d]."""

    def __init__(self, weights, bias):
        self.weights, self.bias = np.float64(weights), np.float64(bias)

    def __call__(self, x):
        return tf.matmul(x, tf.constant(self.weights, tf.float32)) + tf.constant(self.bias, tf.float32)

    def logits(self, x):
        """The same in float64."""
        return np.float64(x) @ self.weights + self.bias

    def softmax(self, x):
        z = self.logits(x)
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return z / z.sum(axis=1, keepdims=True)


@pytest.fixture
def linear():
    """Three classes in five dimensions, with points inside the box and their labels."""
    rng = np.random.RandomState(0)
    weights = rng.randn(5, 3)
    model = LinearModel(weights, -0.5 * weights.sum(axis=0))   # the three classes meet in the middle of the box
    x = np.float32(rng.uniform(0.3, 0.7, (20, 5)))
    return model, x, np.int32(model.logits(x).argmax(axis=1))


@pytest.fixture
def binary():
    """Two classes in four dimensions, with points well inside the box, so that no box constraint is active."""
    rng = np.random.RandomState(1)
    w = rng.randn(4)
    w /= np.linalg.norm(w)
    model = LinearModel(np.stack([np.zeros(4), 6 * w], axis=1), [0., -3 * w.sum()])
    along = rng.choice([-1, 1], (16, 1)) * rng.uniform(0.05, 0.2, (16, 1))   # the signed distance to the boundary
    across = 0.1 * rng.uniform(-1, 1, (16, 4))
    x = np.float32(0.5 + along * w + across - (across @ w)[:, np.newaxis] * w)
    return model, x, np.int32(model.logits(x).argmax(axis=1))


def placeholders(x):
    """Placeholders that fit the array x and its labels."""
    return tf.placeholder(tf.float32, (None,) + x.shape[1:]), tf.placeholder(tf.int32, [None])


def attack_images(session, attack, model, images, labels, **settings):
    """Builds and runs an attack; returns (x_adv, iterations)."""
    x, y = placeholders(images)
    return session.run(tuple(attack(model, x, y, **settings)), {x: images, y: labels})


def boundary_distance(model, x, y, k):
    """Distance of each linear decision boundary between y and k: closed form, float64."""
    logits, rows = model.logits(x), np.arange(len(x))
    w = model.weights.T[k] - model.weights.T[y]
    with np.errstate(invalid='ignore'):
        return (logits[rows, y] - logits[rows, k]) / np.linalg.norm(w, axis=1)


def closest_boundary(model, x, y):
    distances = np.stack([np.where(y == k, np.inf, boundary_distance(model, x, y, np.full(len(x), k)))
                          for k in range(model.weights.shape[1])], axis=1)
    return distances.min(axis=1), distances.argmin(axis=1)


def start_script(*arguments, **kwargs):
    """Starts `python <arguments>` in the repository's folder; returns the process."""
    return subprocess.Popen([sys.executable] + list(arguments), cwd=kwargs.pop('cwd', ROOT), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, universal_newlines=True, **kwargs)


def run_script(*arguments, **kwargs):
    """Runs `python <arguments>`; returns (exit status, stdout, stderr)."""
    process = start_script(*arguments, **kwargs)
    out, err = process.communicate()
    return process.returncode, out, err
