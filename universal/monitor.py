"""What is measured of a generator at the end of an epoch."""
import os

from utils.noise import Noise
from utils.ops import nll, prediction

import numpy as np
import tensorflow.compat.v1 as tf

from datasets import batches
from figures.grids import save_grids
from universal.measures import mean_cosine
from universal.nag import perturbed

SHOWN = 20   # perturbations in a picture


def shades(deltas):
    """Perturbations [m, h, w, c] as pictures: grey is 0, the largest pixel black or white."""
    return np.float32(0.5 + 0.5 * deltas / max(np.abs(deltas).max(), 1e-12))


class Monitor(object):
    """Each image has a perturbation of its own, the same in every epoch.

    generator: models.generator.Generator; models: its classifiers; x, y: the placeholders of the
    training step; data: datasets.Dataset.
    """

    def __init__(self, generator, models, x, y, data, test_batch_size):
        self._x, self._y, self._batch_size = x, y, test_batch_size
        x_adv = perturbed(x, generator.sample(tf.shape(x)[0], Noise(0), 'monitor/z'))
        logits = [model(x_adv) for model in models]
        fooled = [tf.not_equal(prediction(model(x)), prediction(found))
                  for model, found in zip(models, logits)]
        self._clean = {'nll': nll(logits[0], y), 'err': tf.not_equal(prediction(logits[0]), y),
                       'fooled': tf.reduce_mean(tf.cast(tf.stack(fooled), tf.float32), axis=0)}
        self._shown = data.validation.images(slice(SHOWN))
        delta = generator.sample(SHOWN, Noise(0), 'monitor/shown')
        self._images = {'delta': delta, 'adv': perturbed(self._shown, delta[:len(self._shown)])}

    def clean(self, session, split, prefix):
        """{prefix_nll, prefix_err, prefix_fooled} of perturbed images: the first classifier's NLL
        and error, the fooling rate of all.
        """
        total = dict.fromkeys(self._clean, 0.)
        for images, labels in batches(split, self._batch_size):
            values = session.run(self._clean, {self._x: images, self._y: labels})
            for name, value in values.items():
                total[name] += float(np.sum(value, dtype=np.float64))
        return {'%s_%s' % (prefix, name): value / len(split.x) for name, value in total.items()}

    def attacked(self, session, samples_folder, epoch):
        """The mean cosine of SHOWN perturbations; saves them, and images under them, as grids.

        Returns ({metric: value}, {grid: PNG bytes}, {}).
        """
        images = session.run(self._images)
        cosine = mean_cosine(images['delta'])
        images['delta'] = shades(images['delta'])
        images['orig'] = self._shown
        paths = {name: os.path.join(samples_folder, '%s-%d.png' % (name, epoch)) for name in images}
        return {'cosine': cosine}, save_grids(paths, images, 10), {}
