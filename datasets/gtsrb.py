"""The German Traffic Sign Recognition Benchmark (Stallkamp et al., IJCNN 2011), from the official
files: folders, or the zip archives as they are.
"""
import csv
import io
import os
import re
import zipfile

from utils.errors import UserError, check

import numpy as np
from PIL import Image

SIZE = 32   # images are resized to this height and width
CLASSES = 43
HEADER = ['Filename', 'Width', 'Height', 'Roi.X1', 'Roi.Y1', 'Roi.X2', 'Roi.Y2', 'ClassId']
TRAINING = re.compile(r'Final_Training/Images/(\d{5})/GT-\1\.csv$')
TEST = 'GT-final_test.csv'
WANTED = re.compile(r'(?:^|.*/)(Final_(?:Training|Test)/Images/.*|GT-final_test\.csv)$')


def gtsrb(data_dir):
    """The photographs of 43 traffic signs, resized to 32 x 32 with Lanczos as Hein & Andriushchenko
    (NIPS 2017) do: ((x, y, tracks) of training, (x, y) of test).

    data_dir holds `Final_Training/Images/<class>/`, `Final_Test/Images/` and `GT-final_test.csv`,
    at any depth, or the zip archives with them. The photographs of one sign on one drive are a
    track. Tracks are in a random order that never changes; `tracks` [n] numbers them. Raises
    UserError naming the file and the fault.
    """
    files = found_files(data_dir)
    tables = sorted(name for name in files if TRAINING.match(name))
    check(tables and TEST in files, '%s: has no %s; expected the folders of GTSRB, or its zip '
          'archives, of https://benchmark.ini.rub.de', data_dir,
          TEST if tables else 'Final_Training/Images/<class>/GT-<class>.csv')
    x, y, tracks = [], [], []
    for table in tables:
        folder, name = os.path.split(table)
        for row in read_table(table, files[table], int(name[3:8])):
            x.append(read_image(folder + '/', row, files))
            y.append(row['ClassId'])
            tracks.append((row['ClassId'], row['Filename'].split('_')[0]))
    order, numbers = shuffled(tracks)
    rows = read_table(TEST, files[TEST])
    test = [read_image('Final_Test/Images/', row, files) for row in rows]
    return ((np.stack(x)[order], np.int32(y)[order], numbers),
            (np.stack(test), np.int32([row['ClassId'] for row in rows])))


def found_files(data_dir):
    """{name from Final_... on, or GT-final_test.csv: function that reads it} of the folders and the
    zip archives in data_dir.
    """
    found = {}
    for folder, _, names in os.walk(data_dir):
        for name in sorted(names):
            path = os.path.join(folder, name)
            wanted = WANTED.match(os.path.relpath(path, data_dir).replace(os.sep, '/'))
            if wanted:
                found[wanted.group(1)] = lambda path=path: open(path, 'rb').read()
            elif name.endswith('.zip') and folder == data_dir:
                found.update(members(path))
    return found


def members(path):
    """The same of one zip archive."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError('%s: not a readable zip archive: %s' % (path, error))
    matches = [(name, WANTED.match(name)) for name in archive.namelist()]
    return {match.group(1): lambda name=name: archive.read(name)
            for name, match in matches if match and not name.endswith('/')}


def content(name, read):
    """The bytes of a file; raises UserError where they cannot be read."""
    try:
        return read()
    except Exception as error:   # OSError, and zipfile and zlib raise many kinds
        raise UserError('%s: cannot be read: %s' % (name, error))


def read_table(name, read, label=None):
    """The rows of an annotation as {column: value}, integers but for Filename; `label`: the class
    that all are of, None for any.
    """
    lines = content(name, read).decode('latin1').splitlines()
    header, *rows = list(csv.reader(lines, delimiter=';')) or [[]]
    check(header == HEADER and rows, '%s: line 1 is not %s, or no row follows', name,
          ';'.join(HEADER))
    found = []
    for number, cells in enumerate(rows, 2):
        check(len(cells) == len(HEADER) and all(re.match(r'\d{1,6}$', c) for c in cells[1:]),
              '%s: line %d is not a file and %d integers', name, number, len(HEADER) - 1)
        row = dict(zip(HEADER, [cells[0]] + [int(cell) for cell in cells[1:]]))
        inside = (0 <= row['Roi.X1'] < row['Roi.X2'] <= row['Width'] and
                  0 <= row['Roi.Y1'] < row['Roi.Y2'] <= row['Height'])
        check(inside, '%s: line %d: the region of interest is not inside the image', name, number)
        right = row['ClassId'] < CLASSES if label is None else row['ClassId'] == label
        check(right, '%s: line %d: ClassId is %d; expected %s', name, number, row['ClassId'],
              '0 to %d' % (CLASSES - 1) if label is None else label)
        found.append(row)
    return found


def read_image(folder, row, files):
    """A photograph as uint8 [32, 32, 3]: the whole of it, not the region of interest alone."""
    name = folder + row['Filename']
    check(name in files, '%s: is named in its table, and missing', name)
    data = content(name, files[name])
    check(data[:2] == b'P6', '%s: is no colour PPM image', name)
    try:
        image = Image.open(io.BytesIO(data)).convert('RGB')
    except Exception as error:   # PIL raises many kinds
        raise UserError('%s: not a readable image: %s' % (name, error))
    check(image.size == (row['Width'], row['Height']), '%s: is %d x %d; its table has %d x %d',
          name, *(image.size + (row['Width'], row['Height'])))
    return np.asarray(image.resize((SIZE, SIZE), Image.LANCZOS))


def shuffled(tracks):
    """(order [n] of the images, number of each one's track in that order [n]): whole tracks in a
    random order, the images of a track in theirs.
    """
    _, number = np.unique(['%d/%s' % track for track in tracks], return_inverse=True)
    place = np.random.RandomState(0).permutation(number.max() + 1)[number]
    order = np.argsort(place, kind='stable')
    return order, place[order]
