"""The IDX files of MNIST and Fashion-MNIST: reading, checking, and fetching them once."""
import contextlib
import gzip
import os
import struct
import zlib

from utils.errors import UserError, check
from utils.files import atomic_write, make_folder

import numpy as np

UBYTE = 0x08


def find_idx(data_dir, name):
    """The path of the file `name` in data_dir, plain or with .gz; None if neither is there."""
    for path in (os.path.join(data_dir, name), os.path.join(data_dir, name + '.gz')):
        if os.path.exists(path):
            return path
    return None


def read_idx(path, ndim):
    """Returns the uint8 array with `ndim` dimensions in an IDX file, plain or gzipped; raises
    UserError for any other content.
    """
    try:
        with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError('%s: cannot be read: %s' % (path, error))
    header = 4 + 4 * ndim
    check(
        len(content) >= header, '%s: is %d bytes long; expected a header of %d', path, len(content),
        header)
    magic, expected = struct.unpack('>I', content[:4])[0], UBYTE << 8 | ndim
    check(magic == expected, '%s: magic number is 0x%08x; expected 0x%08x', path, magic, expected)
    shape = struct.unpack('>%dI' % ndim, content[4:header])
    size = int(np.prod(shape, dtype=np.int64))
    check(
        len(content) == header + size, '%s: holds %d bytes of data; expected %d for shape %s', path,
        len(content) - header, size, shape)
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def write_idx(stream, array):
    """Writes a uint8 array as a gzipped IDX file."""
    with gzip.GzipFile(fileobj=stream, mode='wb', mtime=0) as packed:
        packed.write(
            struct.pack('>I', UBYTE << 8 | array.ndim) +
            struct.pack('>%dI' % array.ndim, *array.shape))
        packed.write(array.astype(np.uint8).tobytes())


def download_idx(name, data_dir, names):
    """Fetches 'mnist' or 'fashion_mnist' through tf.keras.datasets and keeps it in data_dir as IDX
    files.

    `names` maps 'train' and 'test' to the names of the images' and the labels' file. The four get
    their names together when all are written, so that a job beside this one, or after one that was
    killed, finds all or none.
    """
    import tensorflow.compat.v1 as tf
    try:
        splits = getattr(tf.keras.datasets, name).load_data()
    except Exception as error:   # urllib, ssl, socket and keras raise many kinds
        raise UserError('%s: has no %s files (%s.gz, ...), and they could not be downloaded: %s'
                        % (data_dir, name, names['train'][0], ' '.join(str(error).split())))
    make_folder(data_dir)
    with contextlib.ExitStack() as files:
        for split, arrays in zip(('train', 'test'), splits):
            for file_name, array in zip(names[split], arrays):
                write_idx(
                    files.enter_context(
                        atomic_write(os.path.join(data_dir, file_name + '.gz'), 'wb')), array)
