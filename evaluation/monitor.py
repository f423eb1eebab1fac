"""What is measured at the end of an epoch: validation error, and the attacks on a few validation
images.
"""
import os

from utils.ops import confidence, nll, prediction

import numpy as np
import tensorflow.compat.v1 as tf

from attacks import deepfool, high_confidence
from datasets import balanced_subset, batches
from evaluation.results import relative_norms
from figures.grids import save_grids

SUMMARY_PER_CLASS = 10
SUMMARY_ATTACK = dict(max_iter=50,
                      clip=0.5)   # as in the published training code; the test's attack is finer


class Evaluation(object):
    """Builds its part of the graph once; `x` and `y` are the placeholders of the training step,
    `logits` the model's on x. Without `attacks` there are none in it: they take longer to build
    than the rest of a small run.
    """

    def __init__(self, model, logits, x, y, diagnostics, data, test_batch_size, attacks=True):
        self._x, self._y, self._data, self._batch_size = x, y, data, test_batch_size
        self._clean = {'nll': nll(logits, y), 'wrong': tf.not_equal(prediction(logits), y)}
        self._diagnostics = diagnostics
        self._subset = balanced_subset(data.validation, data.num_classes, SUMMARY_PER_CLASS)
        self._images, self._predictions = {}, {}
        if attacks:
            self._attack(model, logits, dict(SUMMARY_ATTACK, slots=test_batch_size))

    def _attack(self, model, logits, settings):
        x, y = self._x, self._y
        ours = high_confidence(model, x, y, **settings).x_adv
        rec = high_confidence(model, ours, prediction(model(ours)), targets=y,
                              confidence=confidence(logits), **settings).x_adv
        self._images = {
            'adv': ours, 'rec': rec, 'deepfool': deepfool(model, x, y, **settings).x_adv
        }
        self._predictions = {
            name: prediction(model(images))
            for name, images in self._images.items()
            if name != 'rec'
        }

    def clean(self, session, split, prefix):
        """NLL and error over a Split, as {prefix_nll, prefix_err}."""
        total = {'nll': 0., 'wrong': 0.}
        for images, labels in batches(split, self._batch_size):
            values = session.run(self._clean, {self._x: images, self._y: labels})
            for name, value in values.items():
                total[name] += float(np.sum(value, dtype=np.float64))
        return {
            prefix + '_nll': total['nll'] / len(split.x),
            prefix + '_err': total['wrong'] / len(split.x)
        }

    def attacked(self, session, samples_folder, epoch):
        """rho of DeepFool and of the paper's attack on the balanced validation images, failed
        attacks left out; saves the grids.

        Returns ({metric: value}, {grid: PNG bytes}, {histogram: values}), empty without attacks.
        """
        if not self._images:
            return {}, {}, {}
        feed = {self._x: self._subset.x, self._y: self._subset.y}
        images, predictions, metrics = session.run(
            [self._images, self._predictions, self._diagnostics], feed)
        metrics = {name: float(value) for name, value in metrics.items()}
        norms = {}
        for name, x_adv in images.items():
            rho = relative_norms(self._subset.x, x_adv)[1]
            norms['rho_' + name] = rho
            if name in predictions:
                succeeded = (predictions[name] != self._subset.y) & np.isfinite(rho)
                mean = float(rho[succeeded].mean()) if succeeded.any() else None
                metrics['rho_' + name] = mean
                metrics['failed_' + name] = int((~succeeded).sum())
        images['orig'] = self._subset.x
        paths = {name: os.path.join(samples_folder, '%s-%d.png' % (name, epoch)) for name in images}
        return metrics, save_grids(paths, images, SUMMARY_PER_CLASS), norms
