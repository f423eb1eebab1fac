"""Universal perturbations measured on a classifier's test images."""
from utils.ops import prediction

import numpy as np
import tensorflow.compat.v1 as tf

from datasets import batches
from terminal.progress import ProgressBar
from universal.measures import fooling_rates, summary_of
from universal.nag import perturbed
from universal.uap import BASELINES, directions

POINTS = 10   # of the way from one z to another


class Measured(object):
    """A frozen classifier, the images of a Split that it is measured on, and an open session.

    Builds its part of the graph once.
    """

    def __init__(self, session, model, split, num_classes, batch_size):
        self._session, self._split, self._batch_size = session, split, batch_size
        self._num_classes = num_classes
        self.x = tf.placeholder(tf.float32, (None,) + split.x.shape[1:])
        self._delta = tf.placeholder(tf.float32, split.x.shape[1:])
        self._clean = prediction(model(self.x))
        self._perturbed = prediction(model(perturbed(self.x, self._delta)))
        self.clean = np.concatenate([session.run(self._clean, {self.x: images})
                                     for images, _ in batches(split, batch_size)])

    def predictions(self, deltas, title):
        """[m, n] int32: the classes of the images under perturbations [m, h, w, c]."""
        pred = np.empty((len(deltas), len(self.clean)), np.int32)
        with ProgressBar(title, pred.size) as bar:
            for number, (images, _) in enumerate(batches(self._split, self._batch_size)):
                start = number * self._batch_size
                for row, delta in zip(pred, deltas):
                    row[start:start + len(images)] = self._session.run(
                        self._perturbed, {self.x: images, self._delta: delta})
                    bar.add(len(images))
        return pred

    def summary(self, deltas, title):
        """measures.summary_of these perturbations, and the mean error under them."""
        pred = self.predictions(deltas, title)
        found = summary_of(pred, self.clean, self._num_classes, deltas)
        return dict(found, error=float(np.mean(pred != self._split.y)))

    def error(self):
        """The share of the images that are misclassified without a perturbation."""
        return float(np.mean(self.clean != self._split.y))


def draw_z(seed, count, latent):
    """z [count, latent], uniform in [-1, 1]; the first of them are those of a smaller count."""
    return np.float32(np.random.RandomState(seed).uniform(-1, 1, (count, latent)))


def measure_generator(session, generator, measured, *, latent, count, seed):
    """(summary of `count` perturbations, with the fooling rates at POINTS points of the way between
    the first two z; the perturbations [count, h, w, c]).
    """
    z = tf.placeholder(tf.float32, [None, latent])
    delta = generator(z)
    drawn = draw_z(seed, max(count, 2), latent)
    deltas = session.run(delta, {z: drawn[:count]})
    way = np.linspace(0., 1., POINTS)[:, np.newaxis]
    between = session.run(delta, {z: np.float32((1 - way) * drawn[0] + way * drawn[1])})
    summary = measured.summary(deltas, 'perturbations')
    rates = fooling_rates(measured.predictions(between, 'interpolation'), measured.clean)
    return dict(summary, interpolation=rates.tolist()), deltas


def measure_baselines(session, model, measured, names, train, *, xi, ord, seed, num_classes):
    """{baseline: summary} of norm xi, made of the images of the Split `train`."""
    known = directions(session, model, measured.x, train, num_classes, xi, ord)
    return {name: measured.summary(
        BASELINES[name](known, xi, ord, np.random.RandomState(seed)), name) for name in names}
