"""Judges that label in place of people: proxies, for which the originals say how good they are."""
import os

from utils.errors import check
from utils.files import make_folder, write_json

import numpy as np

from perception.answers import FOLDER

K = 3        # neighbours
BATCH = 500  # images compared at a time


def nearest_neighbours(x, y, images, k=K):
    """The labels [n] of images [n, ...] by a vote of the k nearest of x [m, ...] in l2, with labels
    y [m]; among classes with as many votes, that of the nearest.
    """
    x = np.reshape(x, (len(x), -1)).astype(np.float32)
    images = np.reshape(images, (len(images), -1)).astype(np.float32)
    norms = np.einsum('ij,ij->i', x, x)
    found = []
    for start in range(0, len(images), BATCH):
        distance = norms - 2 * images[start:start + BATCH].dot(x.T)   # but for |image|^2
        near = np.argpartition(distance, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(distance, near, axis=1), axis=1, kind='stable')
        found += [vote(labels) for labels in y[np.take_along_axis(near, order, axis=1)]]
    return np.array(found)


def vote(labels):
    """The most frequent of labels; of several, the one that comes first."""
    counts = np.bincount(labels)[labels]
    return labels[np.argmax(counts)]


def write_judgement(kit, name, labels):
    """Writes what a judge says of the adversarial images [n] of a Kit; returns the path."""
    check(len(labels) == len(kit.label), '%d labels; expected %d', len(labels), len(kit.label))
    folder = make_folder(os.path.join(kit.path, FOLDER))
    path = os.path.join(folder, 'judge_%s.json' % ''.join(
        letter if letter.isalnum() else '_' for letter in name))
    write_json(path, {'kit': kit.facts['kit'], 'judge': name, 'answers': labels.tolist()})
    return path
