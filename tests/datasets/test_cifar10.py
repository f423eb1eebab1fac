"""CIFAR-10 from small files in both official layouts, and what is wrong with others."""
import os
import pickle

from utils.errors import UserError

import numpy as np
import pytest

from datasets import load_dataset
from datasets.cifar10 import TEST, TRAIN, read_pickled

PER_FILE = 4


def arrays():
    """{name: (images [4, 3072], labels [4])}."""
    rng = np.random.RandomState(0)
    return {name: (rng.randint(0, 256, (PER_FILE, 3072)).astype(np.uint8),
                   (np.arange(PER_FILE) + 3 * i) % 10) for i, name in enumerate(TRAIN + TEST)}


def write_binary(root):
    folder = root / 'cifar-10-batches-bin'
    folder.mkdir()
    for name, (images, labels) in arrays().items():
        records = np.concatenate([np.uint8(labels)[:, None], images], axis=1)
        (folder / (name + '.bin')).write_bytes(records.tobytes())
    return folder


def write_pickled(root):
    """As Python 2 wrote them: protocol 2, entries named by bytes."""
    folder = root / 'cifar-10-batches-py'
    folder.mkdir()
    for name, (images, labels) in arrays().items():
        batch = {b'data': images, b'labels': labels.tolist(), b'batch_label': name.encode(),
                 b'filenames': [b'a.png'] * PER_FILE}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return folder


@pytest.mark.parametrize('write', [write_binary, write_pickled])
def test_both_layouts(tmp_path, write):
    write(tmp_path)
    data = load_dataset('cifar10', str(tmp_path), 3)
    assert [len(s.x) for s in (data.train, data.validation, data.test)] == [17, 3, 4]
    images, labels = arrays()['test_batch']
    assert np.array_equal(data.test.y, labels)
    pixel = data.test.x[2, 5, 7]   # rows of 32, red, green and blue one after the other
    assert pixel.tolist() == images[2, [5 * 32 + 7 + 1024 * c for c in range(3)]].tolist()
    assert data.train.x.dtype == np.uint8 and data.train.x.shape[1:] == (32, 32, 3)


class Harmful(object):
    """What a pickle could run."""

    def __reduce__(self):
        return os.system, ('touch harmed',)


def test_the_unpickler_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'batch'
    for batch in ({b'data': Harmful()}, {b'data': np.array([Harmful()], object)}):
        path.write_bytes(pickle.dumps(batch, protocol=2))
        with pytest.raises(UserError, match='batch: not a batch of CIFAR-10: names .*system; '
                           'expected NumPy arrays only'):
            read_pickled(str(path))
    assert not (tmp_path / 'harmed').exists()


@pytest.mark.parametrize('batch,message', [
    ([1], 'holds no dictionary'),
    ({b'labels': [1]}, 'data is no array of bytes'),
    ({b'data': np.zeros((2, 3072), np.float32), b'labels': [1, 2]}, 'data is no array of bytes'),
    ({b'data': np.zeros((2, 3071), np.uint8), b'labels': [1, 2]}, 'data is no array of bytes'),
    ({b'data': np.zeros((2, 3072), np.uint8), b'labels': [1]}, 'not a list of 2 integers'),
    ({b'data': np.zeros((2, 3072), np.uint8), b'labels': [1, 'a']}, 'not a list of 2 integers'),
    ({b'data': np.zeros((2, 3072), np.uint8), b'labels': [1, 10]}, 'labels run from 1 to 10'),
])
def test_batches_that_are_not(tmp_path, batch, message):
    path = tmp_path / 'batch'
    path.write_bytes(pickle.dumps(batch, protocol=2))
    with pytest.raises(UserError, match='batch: .*' + message):
        read_pickled(str(path))


def test_damaged_and_missing_files(tmp_path):
    with pytest.raises(UserError, match='has neither cifar-10-batches-bin nor'):
        load_dataset('cifar10', str(tmp_path))
    folder = write_binary(tmp_path)
    path = folder / 'data_batch_3.bin'
    good = path.read_bytes()
    for content, message in ((good[:-1], '12291 bytes long; expected images of 3073'),
                             (b'', '0 bytes'), (b'\x0a' + good[1:], 'labels run from .* to 10')):
        path.write_bytes(content)
        with pytest.raises(UserError, match='data_batch_3.bin: .*' + message):
            load_dataset('cifar10', str(tmp_path))
    path.unlink()
    with pytest.raises(UserError, match='data_batch_3.bin: cannot be read'):
        load_dataset('cifar10', str(tmp_path))
    whole = pickle.dumps({b'data': arrays()['test_batch'][0]}, protocol=2)
    (tmp_path / 'cut').write_bytes(whole[:-100])
    with pytest.raises(UserError, match='cut: not a batch of CIFAR-10'):
        read_pickled(str(tmp_path / 'cut'))
