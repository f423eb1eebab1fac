"""Images and labels of one part of a dataset, their order and their batches."""
import collections

from utils.errors import check

import numpy as np

HALVES_SEED = 2014


class Split(collections.namedtuple('Split', 'x y')):
    """x [n, h, w, c], uint8 or float32 in [0, 1]; y [n] int32."""

    def images(self, rows=slice(None)):
        """The images at these rows, float32 in [0, 1]: an index array or a slice."""
        x = self.x[rows]
        return np.divide(x, 255., dtype=np.float32) if x.dtype == np.uint8 else x


Dataset = collections.namedtuple('Dataset', 'train validation test num_classes')
Dataset.__doc__ = """Three Splits and the number of classes."""


def check_labels(path, labels, num_classes):
    """Raises UserError unless there are labels, all of them from 0 to num_classes - 1."""
    check(len(labels) > 0, '%s: holds no images', path)
    check(labels.min() >= 0 and
          labels.max() < num_classes, '%s: labels run from %d to %d; expected 0 to %d', path,
          labels.min(), labels.max(), num_classes - 1)


def halves(n):
    """The rows of n training images in two random halves, always the same: p1 and p2 of `--split`.
    """
    order = np.random.RandomState(HALVES_SEED).permutation(n)
    return {'p1': np.sort(order[:n // 2]), 'p2': np.sort(order[n // 2:])}


def epoch_order(n, seed, epoch):
    """The order in which an epoch visits n training images: a permutation that depends on (seed,
    epoch) alone.
    """
    return np.random.RandomState([seed, epoch]).permutation(n)


def batches(split, batch_size, order=None):
    """Yields (x, y) batches of a Split, of all its images or of those that `order` holds, in that
    order; the last may be smaller.
    """
    n = len(split.x) if order is None else len(order)
    for start in range(0, n, batch_size):
        rows = slice(start, start + batch_size)
        if order is not None:
            rows = order[rows]
        yield split.images(rows), split.y[rows]


def balanced_subset(split, num_classes, per_class):
    """The first `per_class` images of each class, class by class, as a Split."""
    rows = np.concatenate([np.flatnonzero(split.y == k)[:per_class] for k in range(num_classes)])
    return Split(split.images(rows), split.y[rows])
