"""CIFAR-10 (Krizhevsky, 2009), from its binary or its Python batches."""
import os
import pickle

from utils.errors import UserError, check

import numpy as np

from datasets.split import check_labels

SHAPE = (3, 32, 32)   # of an image in the files: channels first
SIZE = int(np.prod(SHAPE))
CLASSES = 10
TRAIN = tuple('data_batch_%d' % i for i in range(1, 6))
TEST = ('test_batch',)


def cifar10(data_dir):
    """The 50,000 and 10,000 colour images of CIFAR-10, 32 x 32: ((x, y) of training, of test), from
    `cifar-10-batches-bin/` or `cifar-10-batches-py/` in data_dir.

    Raises UserError naming the file and the fault where both are absent or one is damaged.
    """
    for folder, ending, read in (('cifar-10-batches-bin', '.bin', read_binary),
                                 ('cifar-10-batches-py', '', read_pickled)):
        path = os.path.join(data_dir, folder)
        if os.path.isdir(path):
            return [_joined([os.path.join(path, name + ending) for name in names], read)
                    for names in (TRAIN, TEST)]
    raise UserError('%s: has neither cifar-10-batches-bin nor cifar-10-batches-py, the unpacked '
                    'CIFAR-10 of https://www.cs.toronto.edu/~kriz/cifar.html' % data_dir)


def _joined(paths, read):
    images, labels = zip(*map(read, paths))
    x = np.concatenate(images).reshape((-1,) + SHAPE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(x), np.concatenate(labels).astype(np.int32)


def _content(path):
    try:
        with open(path, 'rb') as stream:
            return stream.read()
    except OSError as error:
        raise UserError('%s: cannot be read: %s' % (path, error.strerror))


def read_binary(path):
    """(images [n, 3072] uint8, labels [n]) of records of a label and an image each."""
    content = np.frombuffer(_content(path), np.uint8)
    check(len(content) > 0 and len(content) % (1 + SIZE) == 0,
          '%s: is %d bytes long; expected images of %d bytes each', path, len(content), 1 + SIZE)
    records = content.reshape(-1, 1 + SIZE)
    check_labels(path, records[:, 0], CLASSES)
    return records[:, 1:], records[:, 0]


class ArraysOnly(pickle.Unpickler):
    """Reads numbers, strings, lists, dictionaries and NumPy arrays; refuses every other class, so
    that nothing in a file is run.
    """

    KNOWN = {'ndarray': np.ndarray, 'dtype': np.dtype,
             '_reconstruct': np.zeros(1).__reduce__()[0]}

    def find_class(self, module, name):
        """What a pickle of an array names, under NumPy 1 or 2."""
        if module.split('.')[0] == 'numpy' and name in self.KNOWN:
            return self.KNOWN[name]
        if (module, name) == ('_codecs', 'encode'):   # bytes, as Python 3 writes them for Python 2
            return _latin1
        raise UserError('names %s.%s; expected NumPy arrays only' % (module, name))


def _latin1(text, encoding):
    check(encoding == 'latin1', 'has text in %r; expected latin1', encoding)
    return text.encode('latin1')


def read_pickled(path):
    """(images [n, 3072] uint8, labels [n]) of a dictionary with the entries data and labels."""
    try:
        with open(path, 'rb') as stream:
            batch = ArraysOnly(stream, encoding='bytes').load()
    except OSError as error:
        raise UserError('%s: cannot be read: %s' % (path, error.strerror))
    except Exception as error:   # pickle raises many kinds for a damaged file
        raise UserError('%s: not a batch of CIFAR-10: %s' % (path, ' '.join(str(error).split())))
    check(isinstance(batch, dict), '%s: holds no dictionary', path)
    entries = {key.decode('latin1') if isinstance(key, bytes) else key: value
               for key, value in batch.items()}
    images = entries.get('data')
    check(isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 2 and
          images.shape[1] == SIZE, '%s: data is no array of bytes [n, %d]', path, SIZE)
    labels = entries.get('labels')
    check(isinstance(labels, list) and all(type(label) is int for label in labels) and
          len(labels) == len(images), '%s: labels are not a list of %d integers', path, len(images))
    labels = np.asarray(labels, np.int64)
    check_labels(path, labels, CLASSES)
    return images, labels
