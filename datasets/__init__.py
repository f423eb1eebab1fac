"""The only place that reads data: every dataset as images [n, h, w, c] and int32 labels [n].

Images stay bytes where the files hold bytes (MNIST is then 47 MB and not 188), and become float32
in [0, 1] in Split.images.
"""
import collections
import os
import zipfile

from utils.errors import UserError, check

import numpy as np

from datasets.idx import download_idx, find_idx, read_idx


class Split(collections.namedtuple('Split', 'x y')):
    """x [n, h, w, c], uint8 or float32 in [0, 1]; y [n] int32."""

    def images(self, rows=slice(None)):
        """The images at these rows, float32 in [0, 1]: an index array or a slice."""
        x = self.x[rows]
        return np.divide(x, 255., dtype=np.float32) if x.dtype == np.uint8 else x


Dataset = collections.namedtuple('Dataset', 'train validation test num_classes')

IDX_NAMES = {
    'train': ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
    'test': ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'),
}
DIGITS_TEST_SIZE = 400
MAX_CLASSES = 1000   # of a user's data: the attacks take a gradient for each class
DEFAULT_VALIDATION = 1 / 6.   # of the training images: the 10,000 of section 5 for MNIST


def load_dataset(name, data_dir='data', validation_size=None):
    """Returns the Dataset `name`: 'digits', 'mnist', 'fashion_mnist', or the path of an .npz file.

    The first `validation_size` training images validate (a sixth of them by default: 10,000 of
    MNIST's 60,000). Raises UserError naming the file and the fault for data that is missing,
    damaged or out of range.
    """
    if name == 'digits':
        splits = _digits()
    elif name in ('mnist', 'fashion_mnist'):
        splits = _idx_dataset(name, data_dir)
    else:
        check(name.endswith('.npz'),
              '--dataset is %r; expected digits, mnist, fashion_mnist or the path of an .npz file',
              name)
        splits = _npz_dataset(name)
    (x_train, y_train), (x_test, y_test) = splits
    size = int(len(x_train) * DEFAULT_VALIDATION) if validation_size is None else validation_size
    check(
        0 < size < len(x_train),
        '--validation_size is %s; expected at least 1 and fewer than the %d training images of %s',
        size, len(x_train), name)
    return Dataset(Split(x_train[size:], y_train[size:]), Split(x_train[:size], y_train[:size]),
                   Split(x_test, y_test),
                   int(y_train.max()) + 1)


def _digits():
    """scikit-learn's 1797 handwritten digits, 8 x 8 with 17 grey levels, resized to 28 x 28 with
    scikit-image.
    """
    from skimage.transform import resize
    from sklearn.datasets import load_digits
    bundled = load_digits()
    images = [
        resize(image / 16., (28, 28), order=1, mode='edge', anti_aliasing=False)
        for image in bundled.images
    ]
    x = np.clip(np.asarray(images, np.float32), 0., 1.)[..., np.newaxis]
    y = bundled.target.astype(np.int32)
    order = np.random.RandomState(0).permutation(len(x))
    x, y = x[order], y[order]
    return (x[DIGITS_TEST_SIZE:], y[DIGITS_TEST_SIZE:]), (x[:DIGITS_TEST_SIZE],
                                                          y[:DIGITS_TEST_SIZE])


def _idx_dataset(name, data_dir):
    absent = [f for files in IDX_NAMES.values() for f in files if find_idx(data_dir, f) is None]
    if absent:
        check(
            len(absent) == 4,
            '%s: %s is missing (with or without .gz); the other files of %s are there', data_dir,
            absent[0], name)
        download_idx(name, data_dir, IDX_NAMES)
    splits = []
    for images_name, labels_name in (IDX_NAMES['train'], IDX_NAMES['test']):
        images_path, labels_path = find_idx(data_dir, images_name), find_idx(data_dir, labels_name)
        images, labels = read_idx(images_path, ndim=3), read_idx(labels_path, ndim=1)
        check(images.shape[1:] == (28, 28), '%s: images are %d x %d; expected 28 x 28', images_path,
              *images.shape[1:])
        check(
            len(images) == len(labels), '%s: %d labels for the %d images of %s', labels_path,
            len(labels), len(images), images_path)
        _check_labels(labels_path, labels, 10)
        splits.append((images[..., np.newaxis], labels.astype(np.int32)))
    return splits


def _check_labels(path, labels, num_classes):
    check(len(labels) > 0, '%s: holds no images', path)
    check(labels.min() >= 0 and
          labels.max() < num_classes, '%s: labels run from %d to %d; expected 0 to %d', path,
          labels.min(), labels.max(), num_classes - 1)


def _npz_dataset(path):
    check(os.path.exists(path), '%s: no such file', path)
    check(zipfile.is_zipfile(path), '%s: not a readable .npz file: it is no zip archive', path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [
                key for key in ('x_train', 'y_train', 'x_test', 'y_test') if key not in archive
            ]
            check(not missing, '%s: has no array %s; expected x_train, y_train, x_test and y_test',
                  path, ', '.join(missing))
            arrays = {key: archive[key] for key in ('x_train', 'y_train', 'x_test', 'y_test')}
    except UserError:
        raise
    except Exception as error:   # numpy and zipfile raise many kinds for a damaged archive
        raise UserError('%s: not a readable .npz file: %s' %
                        (path, str(error).splitlines()[0] if str(error) else type(error).__name__))
    train = _npz_split(path, arrays, 'train')
    test = _npz_split(path, arrays, 'test')
    classes = np.unique(train[1])
    check(
        len(classes) == classes[-1] + 1 >= 2,
        '%s: y_train has %d classes, the largest %d; expected at least 2, numbered from 0 on', path,
        len(classes), classes[-1])
    check(train[0].shape[1:] == test[0].shape[1:], '%s: x_train holds %s images, x_test %s', path,
          train[0].shape[1:], test[0].shape[1:])
    _check_labels(path, test[1], int(train[1].max()) + 1)
    return train, test


def _npz_split(path, arrays, split):
    x, y = arrays['x_' + split], arrays['y_' + split]
    check(x.ndim in (3, 4), '%s: x_%s has shape %s; expected [n, h, w] or [n, h, w, c]', path,
          split, x.shape)
    check(y.shape == x.shape[:1], '%s: y_%s has shape %s; expected %s', path, split, y.shape,
          x.shape[:1])
    check(y.dtype.kind in 'iu', '%s: y_%s is %s; expected integers', path, split, y.dtype)
    check(x.dtype == np.uint8 or x.dtype.kind == 'f',
          '%s: x_%s is %s; expected uint8 or floating point', path, split, x.dtype)
    check(x.size > 0, '%s: x_%s has shape %s; it holds no images', path, split, x.shape)
    check(x.ndim == 3 or x.shape[3] in (1, 3), '%s: x_%s has %s channels; expected 1 or 3', path,
          split, x.shape[-1])
    _check_labels(path, y, MAX_CLASSES)
    if x.dtype != np.uint8:
        check(np.isfinite(x).all(), '%s: x_%s has a pixel that is not a number', path, split)
        check(x.min() >= 0 and x.max() <= 1, '%s: x_%s runs from %g to %g; expected [0, 1]', path,
              split, x.min(), x.max())
        x = x.astype(np.float32)
    return x.reshape(x.shape[:3] + (-1,)), y.astype(np.int32)


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
        rows = slice(start, start + batch_size) if order is None else order[start:start +
                                                                            batch_size]
        yield split.images(rows), split.y[rows]


def balanced_subset(split, num_classes, per_class):
    """The first `per_class` images of each class, class by class, as a Split."""
    rows = np.concatenate([np.flatnonzero(split.y == k)[:per_class] for k in range(num_classes)])
    return Split(split.images(rows), split.y[rows])
