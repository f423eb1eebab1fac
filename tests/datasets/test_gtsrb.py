"""GTSRB from small files in the official layout, as folders and as zip archives, and what is wrong
with others; the genuine images where they are.
"""
import os
import re
import zipfile

from utils.errors import UserError

import numpy as np
import pytest
from PIL import Image

from datasets import load_dataset, whole_groups
from datasets.gtsrb import HEADER, SIZE, gtsrb
from tests.running import ROOT

GENUINE = os.path.join(ROOT, os.pardir, 'shared', 'data', 'gtsrb', 'gtsrb32.npz')
TRACKS = {0: (3, 2), 1: (4,), 2: (2, 2, 3)}   # class: the photographs of each of its tracks


def ppm(image, comment=''):
    height, width, _ = image.shape
    return b'P6\n%s%d %d\n255\n' % (comment.encode(), width, height) + image.tobytes()


def row(name, image, label):
    height, width, _ = image.shape
    return ';'.join(map(str, (name, width, height, 2, 2, width - 2, height - 2, label)))


def written():
    """{path: bytes} of the official layout; sizes differ, and the first header has a comment."""
    rng = np.random.RandomState(0)
    files = {}

    def add(folder, name, label):
        height, width = 20 + rng.randint(30, size=2)
        image = rng.randint(0, 256, (height, width, 3)).astype(np.uint8)
        files[folder + name] = ppm(image, '' if files else '# made by hand\n')
        return row(name, image, label)

    for label, tracks in TRACKS.items():
        folder = 'GTSRB/Final_Training/Images/%05d/' % label
        rows = [add(folder, '%05d_%05d.ppm' % (track, i), label)
                for track, photographs in enumerate(tracks) for i in range(photographs)]
        files[folder + 'GT-%05d.csv' % label] = '\n'.join([';'.join(HEADER)] + rows).encode()
    rows = [add('GTSRB/Final_Test/Images/', '%05d.ppm' % i, 2 - i) for i in range(3)]
    files['GT-final_test.csv'] = '\r\n'.join([';'.join(HEADER)] + rows + ['']).encode()
    return files


def as_folders(root, files):
    for name, content in files.items():
        path = os.path.join(str(root), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as stream:
            stream.write(content)


def as_archives(root, files):
    for archive, part in (('GTSRB_Final_Training_Images', 'Final_Training'),
                          ('GTSRB_Final_Test_Images', 'Final_Test/'),
                          ('GTSRB_Final_Test_GT', 'GT-final')):
        with zipfile.ZipFile(str(root / (archive + '.zip')), 'w') as stream:
            for name, content in files.items():
                if part in name:
                    stream.writestr(name, content)


@pytest.mark.parametrize('write', [as_folders, as_archives])
def test_both_layouts(tmp_path, write):
    files = written()
    write(tmp_path, files)
    (x, y, tracks), (x_test, y_test) = gtsrb(str(tmp_path))
    assert x.shape == (16, SIZE, SIZE, 3) and x.dtype == np.uint8 and y_test.tolist() == [2, 1, 0]
    content = files['GTSRB/Final_Test/Images/00001.ppm']
    width, height = map(int, re.match(br'P6\n(\d+) (\d+)', content).groups())
    image = np.frombuffer(content[-width * height * 3:], np.uint8).reshape(height, width, 3)
    expected = np.asarray(Image.fromarray(image).resize((SIZE, SIZE), Image.LANCZOS))
    assert np.array_equal(x_test[1], expected)
    ends = np.flatnonzero(np.diff(tracks)) + 1
    runs = np.split(np.arange(16), ends)
    assert len(runs) == len(np.unique(tracks)) == 6   # each track is in one piece
    found = sorted((y[rows][0], len(rows)) for rows in runs)
    assert found == sorted((label, n) for label, sizes in TRACKS.items() for n in sizes)
    assert all(len(set(y[rows])) == 1 for rows in runs)
    again, _ = gtsrb(str(tmp_path))
    assert np.array_equal(again[0], x)


def test_no_track_is_parted(tmp_path):
    as_folders(tmp_path, written())
    _, _, tracks = gtsrb(str(tmp_path))[0]
    for size in range(1, 12):
        data = load_dataset('gtsrb', str(tmp_path), size)
        held = len(data.validation.x)
        assert held >= size and tracks[held - 1] != tracks[held]
        same = load_dataset('gtsrb', str(tmp_path), held)   # as test.py reads it again
        assert len(same.validation.x) == held
    assert whole_groups(np.array([5, 5, 2, 2, 2, 7]), 3) == 5
    with pytest.raises(UserError, match='it leaves no whole track to train on'):
        whole_groups(np.array([1, 1, 2, 2]), 3)


def changed(name, old, new):
    def change(files):
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)
    return change


TABLE = 'GTSRB/Final_Training/Images/00001/GT-00001.csv'
IMAGE = 'GTSRB/Final_Training/Images/00001/00000_00002.ppm'


@pytest.mark.parametrize('change,message', [
    (lambda files: files.pop('GT-final_test.csv'), 'has no GT-final_test.csv'),
    (lambda files: [files.pop(name) for name in list(files) if name.endswith('.csv')],
     'has no Final_Training/Images/<class>/GT-<class>.csv'),
    (lambda files: files.pop(IMAGE), '00000_00002.ppm: is named in its table, and missing'),
    (changed(TABLE, b'Roi.X1', b'X1'), 'GT-00001.csv: line 1 is not Filename;Width'),
    (changed(TABLE, b';1\n', b';2\n'), 'GT-00001.csv: line 2: ClassId is 2; expected 1'),
    (changed(TABLE, b';2;2;', b';2;x;'), 'GT-00001.csv: line 2 is not a file and 7 integers'),
    (changed(TABLE, b';2;2;', b';2;99;'), 'line 2: the region of interest is not inside'),
    (changed('GT-final_test.csv', b';2\r', b';43\r'), 'line 2: ClassId is 43; expected 0 to 42'),
    (changed(IMAGE, b'P6', b'P5'), '00000_00002.ppm: is no colour PPM image'),
    (lambda files: files.update({IMAGE: files[IMAGE][:40]}), '00000_00002.ppm: not a readable'),
    (lambda files: files.update({IMAGE: ppm(np.zeros((5, 5, 3), np.uint8))}), 'is 5 x 5; its'),
])
def test_malformed_files(tmp_path, change, message):
    files = written()
    change(files)
    as_folders(tmp_path, files)
    with pytest.raises(UserError, match=message):
        gtsrb(str(tmp_path))


def test_a_damaged_archive(tmp_path):
    as_archives(tmp_path, written())
    path = tmp_path / 'GTSRB_Final_Training_Images.zip'
    content = bytearray(path.read_bytes())
    path.write_bytes(content[:len(content) // 2])
    with pytest.raises(UserError, match='Training_Images.zip: not a readable zip archive'):
        gtsrb(str(tmp_path))
    content[100:300] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(UserError, match='00000_00000.ppm: cannot be read'):
        gtsrb(str(tmp_path))


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(GENUINE), reason='../shared/data/gtsrb is not there')
def test_the_genuine_images_in_one_file():
    data = load_dataset(GENUINE)
    assert len(data.train.x) + len(data.validation.x) == 39209 and len(data.test.x) == 12630
    assert data.num_classes == 43 and data.train.x.shape[1:] == (32, 32, 3)
