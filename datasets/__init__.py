"""The only place that reads data: every dataset as images [n, h, w, c] and int32 labels [n].

Images stay bytes where the files hold bytes (MNIST is then 47 MB and not 188), and become float32
in [0, 1] in Split.images. Adding a dataset: a file with its function, which takes the folder of the
data and returns ((x_train, y_train), (x_test, y_test)), and a line in DATASETS. Where images of a
kind must not be parted, such as the photographs of one sign, (x_train, y_train, groups) has the
number of each one's group, the groups one after the other.
"""
from utils.errors import check, check_choice

import numpy as np

from datasets.augment import augment, centre_cropped, read_kinds
from datasets.cifar10 import cifar10
from datasets.digits import digits
from datasets.gtsrb import gtsrb
from datasets.mnist import fashion_mnist, mnist
from datasets.npz import npz
from datasets.split import Dataset, Split, balanced_subset, batches, epoch_order, halves

__all__ = ['DATASETS', 'Dataset', 'Split', 'augment', 'balanced_subset', 'batches',
           'centre_cropped', 'epoch_order', 'load_dataset', 'read_kinds']

DATASETS = {
    'digits': digits,
    'mnist': mnist,
    'fashion_mnist': fashion_mnist,
    'cifar10': cifar10,
    'gtsrb': gtsrb,
}
DEFAULT_VALIDATION = 1 / 6.   # of the training images: the 10,000 of section 5 for MNIST


def load_dataset(name, data_dir='data', validation_size=None, half=''):
    """Returns the Dataset `name`: one of DATASETS, or the path of an .npz file.

    The first `validation_size` training images validate (a sixth of them by default: 10,000 of
    MNIST's 60,000), and so many more that no group is parted. With `half`, p1 or p2, one half of
    all training images trains, see halves, and the first `validation_size` of the other validate
    (by default all of them). Raises UserError naming the file and the fault for data that is
    missing, damaged or out of range.
    """
    if name in DATASETS:
        (x_train, y_train, *groups), (x_test, y_test) = DATASETS[name](data_dir)
    else:
        check(name.endswith('.npz'), '--dataset is %r; expected %s or the path of an .npz file',
              name, ', '.join(DATASETS))
        (x_train, y_train, *groups), (x_test, y_test) = npz(name)
    size = validation_size
    if half:
        check(not groups, '--split is %s; %s has images that must not be parted', half, name)
        rows = halves(len(x_train))
        own = rows.pop(check_choice('--split', half, sorted(rows)))
        other, = (rows[:size] for rows in rows.values())
        x_train, y_train = (part[np.append(other, own)] for part in (x_train, y_train))
        size = len(other)
    if size is None:
        size = int(len(x_train) * DEFAULT_VALIDATION)
        check(size > 0, '%s: has %d training images; expected at least 6, of which a sixth '
              'validates, or --validation_size', name, len(x_train))
    check(0 < size < len(x_train), '--validation_size is %s; expected at least 1 and fewer than '
          'the %d training images of %s', size, len(x_train), name)
    if groups:
        size = whole_groups(groups[0], size)
    return Dataset(train=Split(x_train[size:], y_train[size:]),
                   validation=Split(x_train[:size], y_train[:size]),
                   test=Split(x_test, y_test),
                   num_classes=int(y_train.max()) + 1)


def whole_groups(groups, size):
    """The least number of images, at least `size`, that parts no group; raises UserError where none
    would be left.
    """
    ends = np.flatnonzero(np.diff(groups)) + 1
    later = ends[ends >= size]
    check(len(later), '--validation_size is %d; it leaves no whole track to train on', size)
    return int(later[0])
