"""What a test has finished so far, so that one that died goes on where it was; and folders that are
written whole or not at all.
"""
import contextlib
import hashlib
import json
import os
import shutil

from utils.code import code_files
from utils.files import atomic_write, make_folder, read_json, write_json

import numpy as np
from absl import logging


def test_key(settings, checkpoint, split):
    """A text that is equal for two tests with the same JSON-able settings, weights, images, and
    code of this program.
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    # A checkpoint's index has every variable's checksum; what export.py wrote is one file.
    weights = checkpoint if os.path.exists(checkpoint) else checkpoint + '.index'
    for path in [weights] + code_files():
        with open(path, 'rb') as stream:
            digest.update(stream.read())
    for array in split:
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


class PartialResults(object):
    """Chunks of a test's results as .npz files in a folder; those of a test with another key are
    removed, without `resume` all.
    """

    def __init__(self, folder, key, resume):
        self._folder, path = folder, os.path.join(folder, 'key.json')
        if not (resume and os.path.exists(path) and read_json(path).get('key') == key):
            self.remove()
            write_json(os.path.join(make_folder(folder), 'key.json'), {'key': key})

    def remove(self):
        """Removes the folder: the results are whole, or start anew."""
        if os.path.isdir(self._folder):
            shutil.rmtree(self._folder)

    def load(self, number):
        """The arrays of a chunk as {name: array}, None if it is not finished (or damaged, which a
        warning says).
        """
        path = self._path(number)
        if not os.path.exists(path):
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays}
        except Exception as error:   # numpy and zipfile raise many kinds for a damaged archive
            logging.warning('%s: cannot be read, and is attacked again: %s', path, error)
            return None

    def save(self, number, arrays):
        """Keeps the arrays of a finished chunk."""
        with atomic_write(self._path(number), 'wb') as stream:
            np.savez(stream, **arrays)

    def _path(self, number):
        return os.path.join(self._folder, '%05d.npz' % number)


@contextlib.contextmanager
def whole_folder(path):
    """Makes a folder beside `path`; renames it to `path` when the block ends, removes it when the
    block raises.
    """
    make_folder(os.path.dirname(path))
    partial = '%s.%d.part' % (path, os.getpid())
    try:
        yield make_folder(partial)
        os.rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
