"""A user's own images, in one .npz file."""
import os
import zipfile

from utils.errors import UserError, check

import numpy as np

from datasets.split import check_labels

ARRAYS = ('x_train', 'y_train', 'x_test', 'y_test')
MAX_CLASSES = 1000   # the attacks take a gradient for each class


def npz(path):
    """The images and labels in the .npz file `path`: ((x, y) of training, of test).

    Images are [n, h, w] or [n, h, w, 1 or 3], bytes or floating point in [0, 1]; labels are
    integers from 0 on. Raises UserError naming the file and the fault for anything else.
    """
    check(os.path.exists(path), '%s: no such file', path)
    arrays = read_arrays(path, ARRAYS)
    train = _npz_split(path, arrays, 'train')
    test = _npz_split(path, arrays, 'test')
    classes = np.unique(train[1])
    check(len(classes) == classes[-1] + 1 >= 2, '%s: y_train has %d classes, the largest %d; '
          'expected at least 2, numbered from 0 on', path, len(classes), classes[-1])
    check(train[0].shape[1:] == test[0].shape[1:], '%s: x_train holds %s images, x_test %s', path,
          train[0].shape[1:], test[0].shape[1:])
    check_labels(path, test[1], int(train[1].max()) + 1)
    return train, test


def read_arrays(path, names=None):
    """{name: array} of the .npz file `path`, of those in `names` or of all; never a pickle.

    Raises UserError for a file that is damaged or lacks one of them.
    """
    check(zipfile.is_zipfile(path), '%s: not a readable .npz file: it is no zip archive', path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = archive.files if names is None else names
            missing = [name for name in names if name not in archive]
            if missing:
                raise UserError('%s: has no array %s; expected %s and %s' % (
                    path, ', '.join(missing), ', '.join(names[:-1]), names[-1]))
            return {name: np.asarray(archive[name]) for name in names}
    except UserError:
        raise
    except Exception as error:   # numpy and zipfile raise many kinds for a damaged archive
        cause = (str(error).splitlines() + [type(error).__name__])[0]
        raise UserError('%s: not a readable .npz file: %s' % (path, cause))


def _npz_split(path, arrays, split):
    x = arrays['x_' + split]
    y = arrays['y_' + split]
    check(x.ndim in (3, 4), '%s: x_%s has shape %s; expected [n, h, w] or [n, h, w, c]', path,
          split, x.shape)
    check(y.shape == x.shape[:1], '%s: y_%s has shape %s; expected %s', path, split, y.shape,
          x.shape[:1])
    check(y.dtype.kind in 'iu', '%s: y_%s is %s; expected integers', path, split, y.dtype)
    check(x.dtype == np.uint8 or x.dtype.kind == 'f',
          '%s: x_%s is %s; expected uint8 or floating point', path, split, x.dtype)
    check(x.size > 0, '%s: x_%s has shape %s; it holds no images', path, split, x.shape)
    check(x.ndim == 3 or x.shape[3] in (1, 3), '%s: x_%s has %s channels; expected 1 or 3%s', path,
          split, x.shape[-1], '' if x.ndim == 3 or x.shape[1] not in (1, 3) else
          ', the last dimension: np.transpose(x_%s, (0, 2, 3, 1))' % split)
    check_labels(path, y, MAX_CLASSES)
    if x.dtype != np.uint8:
        check(np.isfinite(x).all(), '%s: x_%s has a pixel that is not a number', path, split)
        check(x.min() >= 0 and x.max() <= 1, '%s: x_%s runs from %g to %g; expected [0, 1]', path,
              split, x.min(), x.max())
        x = x.astype(np.float32)
    return x.reshape(x.shape[:3] + (-1,)), y.astype(np.int32)
