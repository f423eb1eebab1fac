"""Reading data: what is right comes out right, what is wrong is named in one line."""
import gzip
import os
import struct

from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from datasets import load_dataset
from datasets.idx import write_idx
from datasets.mnist import IDX_NAMES


def make_mnist(folder, n_train=30, n_test=10):
    """Small files in MNIST's format; returns the arrays."""
    rng = np.random.RandomState(0)
    arrays = {}
    for (images, labels), n in ((IDX_NAMES['train'], n_train), (IDX_NAMES['test'], n_test)):
        arrays[images] = rng.randint(0, 256, (n, 28, 28)).astype(np.uint8)
        arrays[labels] = (np.arange(n) % 10).astype(np.uint8)
    for name, array in arrays.items():
        with open(os.path.join(str(folder), name + '.gz'), 'wb') as stream:
            write_idx(stream, array)
    return arrays


def test_digits():
    data = load_dataset('digits', validation_size=200)
    assert [len(s.x) for s in (data.train, data.validation, data.test)] == [1197, 200, 400]
    assert data.num_classes == 10
    for split in (data.train, data.validation, data.test):
        assert split.x.shape[1:] == (
            28, 28, 1) and split.x.dtype == np.float32 and split.y.dtype == np.int32
        assert split.x.min() >= 0 and split.x.max() <= 1 and set(split.y) == set(range(10))
    assert data.train.x.mean() == pytest.approx(0.3054, abs=0.01)


def test_digits_keep_their_labels():
    """The nearest original 8 x 8 image of a resized one has its label."""
    from sklearn.datasets import load_digits
    bundled, data = load_digits(), load_dataset('digits')
    small = data.test.x[:50, :, :, 0].reshape(50, 4, 7, 4, 7).mean(axis=(2, 4)).reshape(50, -1)
    originals = (bundled.images / 16.).reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(1797, -1)
    nearest = ((small[:, None] - originals[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (bundled.target[nearest] == data.test.y[:50]).mean() > 0.9


def test_digits_are_resized_each_as_it_would_be_alone():
    from skimage.transform import resize
    from sklearn.datasets import load_digits
    data, order = load_dataset('digits'), np.random.RandomState(0).permutation(1797)
    for place in (0, 399):
        alone = resize(load_digits().images[order[place]] / 16., (28, 28), order=1, mode='edge',
                       anti_aliasing=False)
        assert np.array_equal(data.test.x[place, :, :, 0], np.clip(np.float32(alone), 0., 1.))


def test_idx_files_plain_or_gzipped(tmp_path):
    arrays = make_mnist(tmp_path)
    name = IDX_NAMES['test'][0]
    (tmp_path / name).write_bytes(gzip.open(str(tmp_path / (name + '.gz'))).read())
    (tmp_path / (name + '.gz')).unlink()
    data = load_dataset('mnist', str(tmp_path))
    assert [len(s.x) for s in (data.train, data.validation, data.test)] == [25, 5, 10]
    assert data.train.x.dtype == np.uint8 and data.test.images().dtype == np.float32
    assert np.array_equal(data.test.images()[..., 0], arrays[name] / np.float32(255))
    assert np.array_equal(data.test.images([3, 1]), data.test.images()[[3, 1]])
    assert np.array_equal(
        np.concatenate([data.validation.x, data.train.x])[..., 0], arrays[IDX_NAMES['train'][0]])


def test_the_genuine_mnist(mnist_dir):
    data = load_dataset('mnist', mnist_dir)
    assert [len(s.x) for s in (data.train, data.validation, data.test)] == [50000, 10000, 10000]
    assert np.bincount(
        data.test.y).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.concatenate([data.train.images(),
                           data.validation.images()]).mean() == pytest.approx(0.1307, abs=1e-4)


def test_absent_files_are_downloaded_once_and_kept(tmp_path, monkeypatch):
    calls = []
    images = np.random.RandomState(0).randint(0, 256, (40, 28, 28)).astype(np.uint8)
    labels = (np.arange(40) % 10).astype(np.uint8)

    def load_data():
        calls.append(1)
        return (images[:30], labels[:30]), (images[30:], labels[30:])
    monkeypatch.setattr(tf.keras.datasets.fashion_mnist, 'load_data', load_data)
    folder = str(tmp_path / 'fresh')
    first, second = load_dataset('fashion_mnist', folder), load_dataset('fashion_mnist', folder)
    assert calls == [1]
    assert np.array_equal(first.test.x, second.test.x) and np.array_equal(
        first.test.x[..., 0], images[30:])
    assert not [name for name in os.listdir(folder) if name.endswith('.part')]


def test_a_failed_download_is_one_line(tmp_path, monkeypatch):
    def load_data():
        raise OSError('URL fetch failure\non some host')
    monkeypatch.setattr(tf.keras.datasets.mnist, 'load_data', load_data)
    with pytest.raises(UserError,
                       match='could not be downloaded: URL fetch failure on some host') as caught:
        load_dataset('mnist', str(tmp_path / 'none'))
    assert '\n' not in str(caught.value) and not (tmp_path / 'none').exists()


def test_a_download_that_cannot_be_kept_leaves_no_file(tmp_path, monkeypatch):
    """The third of the four files cannot be packed: the first two are not kept either."""
    images, labels = np.zeros((20, 28, 28), np.uint8), (np.arange(20) % 10).astype(np.uint8)
    monkeypatch.setattr(tf.keras.datasets.mnist, 'load_data', lambda: ((images, labels),
                                                                       (None, labels)))
    with pytest.raises(AttributeError):
        load_dataset('mnist', str(tmp_path))
    assert os.listdir(str(tmp_path)) == []


def corrupt(folder, name, change):
    path = os.path.join(str(folder), name + '.gz')
    content = bytearray(gzip.open(path).read())
    with gzip.open(path, 'wb') as stream:
        stream.write(bytes(change(content)))


@pytest.mark.parametrize('name,change,message', [
    (IDX_NAMES['train'][0], lambda c: c[:-1], 'holds 23519 bytes of data; expected 23520'),
    (IDX_NAMES['train'][0], lambda c: c + b'x', 'holds 23521 bytes of data; expected 23520'),
    (IDX_NAMES['train'][0], lambda c: b'\0\0\x08\x01' + c[4:],
     'magic number is 0x00000801; expected 0x00000803'),
    (IDX_NAMES['test'][1], lambda c: c[:5], 'is 5 bytes long; expected a header of 8'),
    (IDX_NAMES['test'][1], lambda c: c[:-1] + b'\x0b', 'labels run from 0 to 11; expected 0 to 9'),
    (IDX_NAMES['test'][1], lambda c: struct.pack('>II', 0x801, 9) + c[8:-1],
     '9 labels for the 10 images'),
    (IDX_NAMES['test'][0], lambda c: struct.pack('>IIII', 0x803, 10, 14, 56) + c[16:],
     'images are 14 x 56; expected 28 x 28'),
])
def test_a_bad_idx_file_is_named_with_its_fault(tmp_path, name, change, message):
    make_mnist(tmp_path)
    corrupt(tmp_path, name, change)
    with pytest.raises(UserError, match=message) as caught:
        load_dataset('mnist', str(tmp_path))
    assert name in str(caught.value)


def test_a_truncated_gzip_and_a_missing_file(tmp_path):
    make_mnist(tmp_path)
    path = tmp_path / (IDX_NAMES['train'][0] + '.gz')
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match='train-images.*cannot be read'):
        load_dataset('mnist', str(tmp_path))
    path.unlink()
    with pytest.raises(UserError, match='train-images-idx3-ubyte is missing'):
        load_dataset('mnist', str(tmp_path))


def npz(tmp_path, **changes):
    rng = np.random.RandomState(0)
    arrays = {
        'x_train': rng.uniform(size=(12, 8, 8)), 'y_train': np.arange(12) % 3,
        'x_test': rng.uniform(size=(6, 8, 8)), 'y_test': np.arange(6) % 3
    }
    arrays.update(changes)
    path = str(tmp_path / 'mine.npz')
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def test_a_users_npz(tmp_path):
    data = load_dataset(npz(tmp_path), validation_size=3)
    assert data.train.x.shape == (9, 8, 8,
                                  1) and data.num_classes == 3 and data.train.x.dtype == np.float32
    colour = (255 * np.ones((12, 8, 8, 3))).astype(np.uint8)
    data = load_dataset(npz(tmp_path, x_train=colour, x_test=colour[:6]))
    assert data.train.images().shape == (10, 8, 8, 3) and data.train.images().max() == 1


BAD = np.full((12, 8, 8), 0.5)
BAD[3, 2, 1] = np.nan


@pytest.mark.parametrize('changes,message', [
    ({'y_test': None}, 'has no array y_test'),
    ({'x_train': BAD}, 'x_train has a pixel that is not a number'),
    ({'x_train': 300 * np.ones((12, 8, 8))}, 'x_train runs from 300 to 300; expected'),
    ({'x_train': np.ones((12, 64))}, 'x_train has shape .12, 64.; expected'),
    ({'x_train': np.ones(
        (12, 8, 8), np.int64)}, 'x_train is int64; expected uint8 or floating point'),
    ({'x_test': np.ones((6, 9, 9))}, 'x_train holds .8, 8, 1. images, x_test .9, 9, 1.'),
    ({'y_train': np.arange(12.)}, 'y_train is float64; expected integers'),
    ({'y_train': np.arange(12) - 1}, 'labels run from -1 to 10'),
    ({'y_train': np.zeros(12, int)}, 'y_train has 1 classes, the largest 0; expected at least 2'),
    ({'y_train': np.arange(12) % 3 * 2}, 'y_train has 3 classes, the largest 4'),
    ({'y_train': np.array([0, 1, 2**40] * 4)
      }, 'labels run from 0 to 1099511627776; expected 0 to 999'),
    ({'x_train': np.ones((12, 8, 8, 5)), 'x_test': np.ones(
        (6, 8, 8, 5))}, 'x_train has 5 channels; expected 1 or 3$'),
    ({'x_train': np.ones((12, 3, 8, 8)), 'x_test': np.ones((6, 3, 8, 8))}, 'x_train has 8 channels;'
     r' expected 1 or 3, the last dimension: np.transpose.x_train, \(0, 2, 3, 1\)'),
    ({'x_train': np.ones((12, 0, 8))}, 'x_train has shape .12, 0, 8.; it holds no images'),
    ({'y_test': np.arange(6)}, 'labels run from 0 to 5; expected 0 to 2'),
    ({'y_train': np.arange(11)}, 'y_train has shape .11,.; expected .12,.'),
    ({'x_train': np.ones((0, 8, 8)), 'y_train': np.ones(0, int)}, 'holds no images'),
    ({'x_train': np.array([{}] * 12)}, 'not a readable .npz file'),
])
def test_a_bad_npz_is_named_with_its_fault(tmp_path, changes, message):
    path = npz(tmp_path, **changes)
    with pytest.raises(UserError, match=message) as caught:
        load_dataset(path)
    assert path in str(caught.value)


def test_other_bad_datasets(tmp_path):
    (tmp_path / 'text.npz').write_text('not a zip')
    for name, message in (('cifar', "--dataset is 'cifar'; expected digits"), (str(
            tmp_path / 'no.npz'), 'no such file'), (str(
                tmp_path / 'text.npz'), 'not a readable .npz')):
        with pytest.raises(UserError, match=message):
            load_dataset(name)
    with pytest.raises(
            UserError,
            match='--validation_size is 1397; expected at least 1 and fewer than the 1397'):
        load_dataset('digits', validation_size=1397)


@pytest.mark.parametrize('n', [3, 5])
def test_a_sixth_of_too_few_images_is_told_as_that(tmp_path, n):
    path = npz(tmp_path, x_train=np.zeros((n, 8, 8)), y_train=np.arange(n) % 3)
    with pytest.raises(UserError) as caught:
        load_dataset(path)
    assert str(caught.value) == ('%s: has %d training images; expected at least 6, of which a '
                                 'sixth validates, or --validation_size' % (path, n))
    assert len(load_dataset(path, validation_size=1).train.x) == n - 1
