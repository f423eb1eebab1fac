"""MNIST and Fashion-MNIST, from their four IDX files."""
from utils.errors import check

import numpy as np

from datasets.idx import download_idx, find_idx, read_idx
from datasets.split import check_labels

IDX_NAMES = {
    'train': ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
    'test': ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'),
}


def mnist(data_dir):
    """The 60,000 and 10,000 handwritten digits of MNIST, 28 x 28: ((x, y) of training, of test)."""
    return _read('mnist', data_dir)


def fashion_mnist(data_dir):
    """Fashion-MNIST, pictures of clothes in the files and shapes of MNIST."""
    return _read('fashion_mnist', data_dir)


def _read(name, data_dir):
    absent = [f for files in IDX_NAMES.values() for f in files if find_idx(data_dir, f) is None]
    if absent:
        check(len(absent) == 4, '%s: %s is missing (with or without .gz); the other files of %s '
              'are there', data_dir, absent[0], name)
        download_idx(name, data_dir, IDX_NAMES)
    splits = []
    for images_name, labels_name in (IDX_NAMES['train'], IDX_NAMES['test']):
        images_path = find_idx(data_dir, images_name)
        labels_path = find_idx(data_dir, labels_name)
        images = read_idx(images_path, ndim=3)
        labels = read_idx(labels_path, ndim=1)
        check(images.shape[1:] == (28, 28), '%s: images are %d x %d; expected 28 x 28', images_path,
              *images.shape[1:])
        check(len(images) == len(labels), '%s: %d labels for the %d images of %s', labels_path,
              len(labels), len(images), images_path)
        check_labels(labels_path, labels, 10)
        splits.append((images[..., np.newaxis], labels.astype(np.int32)))
    return splits
