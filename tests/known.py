"""Linear models, whose every answer is known in closed form, and how a test runs an attack on them,
in a session like those of the programs.
"""
import numpy as np
import tensorflow.compat.v1 as tf

from training.session import session_config


def open_session(graph=None):
    """A session with the settings of the programs."""
    return tf.Session(graph=graph, config=session_config('1'))


class LinearModel(object):
    """logits = x weights + bias on inputs [n, d]."""

    def __init__(self, weights, bias):
        self.weights, self.bias = np.float64(weights), np.float64(bias)

    def __call__(self, x):
        return tf.matmul(x, tf.constant(self.weights, tf.float32)) + tf.constant(
            self.bias, tf.float32)

    def logits(self, x):
        """The same in float64."""
        return np.float64(x) @ self.weights + self.bias

    def softmax(self, x):
        z = self.logits(x)
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return z / z.sum(axis=1, keepdims=True)


class FedModel(object):
    """logits = x weights + bias with weights [d, k] and bias [k] that are fed, so that many linear
    models share a graph.
    """

    def __init__(self, d, k):
        self.weights = tf.placeholder(tf.float32, [d, k])
        self.bias = tf.placeholder(tf.float32, [k])

    def __call__(self, x):
        return tf.matmul(x, self.weights) + self.bias

    def feed(self, model):
        """What is fed for a LinearModel."""
        return {self.weights: model.weights, self.bias: model.bias}


# Settings with which every attack takes few steps.
FEW_STEPS = {
    'deepfool': {'max_iter': 30},
    'high_confidence': {'max_iter': 50, 'clip': 0.},
    'carlini': {'max_iter': 60, 'binary_steps': 4, 'initial_const': 1., 'learning_rate': .1},
    'boundary': {'refine': 8},
    'bim': {'max_iter': 10},
    'pgd': {'max_iter': 10},
    'ddn': {'max_iter': 30},
    'square': {'queries': 60},
    'ensemble': {'refine': 8},
    'linear_box': {'rounds': 1},
    'lbfgs': {'max_iter': 30, 'search_steps': 6},
}


def flat(model):
    """A model of vectors as one of images [n, h, w, c]."""
    return lambda x: model(tf.reshape(x, [-1, int(np.prod(x.shape.as_list()[1:]))]))


def placeholders(x):
    """Placeholders that fit the array x and its labels."""
    return tf.placeholder(tf.float32, (None,) + x.shape[1:]), tf.placeholder(tf.int32, [None])


def few_steps(name, x):
    """Settings of an attack on images [n, ...] around 1/2, with which it takes few steps. The
    ensemble has one member, that turns the images round: its own take long to build.
    """
    return dict(FEW_STEPS.get(name, {}), **({'found': [1 - x]} if name == 'ensemble' else {}))


def built_attack(session, attack, model, images, **settings):
    """Builds an attack on images like these; returns what runs it: (images, labels, what else is
    fed) -> (x_adv, iterations).
    """
    x, y = placeholders(images)
    found = attack(model, x, y, **settings)

    def run(images, labels, fed=None):
        return session.run((found.x_adv, found.iterations), {x: images, y: labels, **(fed or {})})

    return run


def attack_images(session, attack, model, images, labels, **settings):
    """Builds and runs an attack; returns (x_adv, iterations)."""
    return built_attack(session, attack, model, images, **settings)(images, labels)


def boundary_distance(model, x, y, k):
    """Distance of each linear decision boundary between y and k: closed form, float64."""
    logits, rows = model.logits(x), np.arange(len(x))
    w = model.weights.T[k] - model.weights.T[y]
    with np.errstate(invalid='ignore'):
        return (logits[rows, y] - logits[rows, k]) / np.linalg.norm(w, axis=1)


def closest_boundary(model, x, y):
    distances = np.stack([
        np.where(y == k, np.inf, boundary_distance(model, x, y, np.full(len(x), k)))
        for k in range(model.weights.shape[1])
    ], axis=1)
    return distances.min(axis=1), distances.argmin(axis=1)


def fallen(x, w, fall):
    """The exact l2 distance inside the box from x [n, d] to where w x has fallen by `fall` [n]:
    float64, by bisection; infinite where no image of the box has.
    """
    x = np.float64(x)
    w = np.abs(np.float64(w)) * np.where(w > 0, 1, -1)
    room = np.where(w > 0, x, 1 - x)
    low = np.zeros(len(x))
    high = np.full(len(x), 1e9)
    for _ in range(200):
        middle = (low + high) / 2
        enough = (np.abs(w) * np.minimum(middle[:, None] * np.abs(w), room)).sum(axis=1) >= fall
        low = np.where(enough, low, middle)
        high = np.where(enough, middle, high)
    reachable = (np.abs(w) * room).sum(axis=1) >= fall
    moved = np.minimum(high[:, None] * np.abs(w), room)
    return np.where(reachable, np.linalg.norm(moved, axis=1), np.inf)
