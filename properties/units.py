"""Whether the units of a layer are special directions of it: the images that they like most.

Szegedy et al. (2014), section 3, show the images with the largest <phi(x), e_i> and <phi(x), v>, v
random, and see no difference. Here it is a number, the purity of the images: the share of the most
frequent class among the top few.
"""
import collections

from utils.errors import check
from utils.noise import name_seed

import numpy as np

from properties.layers import layers_of
from properties.runs import opened_session

BATCH = 500   # images at a time
PCA_IMAGES = 2000   # that the principal directions are taken of, at most
PHASES = ('before', 'after')   # the activation

Top = collections.namedtuple('Top', 'group number rows')
Top.__doc__ = """The top images of a direction: its group, its number, the rows of the images."""


def features(opened, images):
    """Yields (layer, phase, phi [n, d] float32) of each hidden layer of an Opened: before the
    activation, bias included, and as the next layer takes it, pooled where it is pooled.
    """
    with opened_session(opened) as (session, x, model, logits):
        for layer in layers_of(model, logits)[:-1]:
            for phase in PHASES:
                tensor = getattr(layer, phase)
                parts = [session.run(tensor, {x: images[start:start + BATCH]}).reshape(
                    len(images[start:start + BATCH]), -1)
                         for start in range(0, len(images), BATCH)]
                yield layer.name, phase, np.concatenate(parts)


def alive(phi, top):
    """The units that tell `top` images from others: the last of the top is above the least."""
    return np.flatnonzero(np.partition(phi, -top, axis=0)[-top] > phi.min(axis=0))


def top_rows(scores, top):
    """The rows of the largest scores [n, m], the largest first: [top, m]."""
    rows = np.argpartition(-scores, top - 1, axis=0)[:top]
    order = np.argsort(-np.take_along_axis(scores, rows, axis=0), axis=0, kind='stable')
    return np.take_along_axis(rows, order, axis=0)


def principal(phi, number):
    """The first principal directions of centred phi [n, d], at most `number`: [d, m]."""
    some = phi[:PCA_IMAGES]
    return np.linalg.svd(some - some.mean(axis=0), full_matrices=False)[2][:number].T


def directions(phi, number, top, seed):
    """Yields (group, scores [n, m], numbers [m]): of `number` units that are alive and of as many
    directions of each other group.

    Features are centred. That moves the scores of a direction by one number, so it changes no top
    image, and the principal directions alone.
    """
    rng = np.random.RandomState(seed)
    units = alive(phi, top)
    units = np.sort(rng.permutation(units)[:number])
    phi = phi - phi.mean(axis=0)
    yield 'unit', phi[:, units], units
    v = np.float32(rng.randn(phi.shape[1], number))
    yield 'direction', phi.dot(v), np.arange(number)
    main = principal(phi, number)
    yield 'pca', phi.dot(main), np.arange(main.shape[1])
    for column in range(phi.shape[1]):   # each feature keeps its values and loses its images
        phi[:, column] = phi[rng.permutation(len(phi)), column]
    yield 'shuffled', phi.dot(v), np.arange(number)
    yield 'random', np.float32(rng.rand(len(phi), number)), np.arange(number)


def modal(labels):
    """How many of labels [top, m] are of the class that is most frequent among them: [m]."""
    return np.max([(labels == k).sum(axis=0) for k in np.unique(labels)], axis=0)


def units(opened, images, y, number, top, seed=0):
    """What units.json has of an Opened, and the Tops of the first units and directions of its last
    hidden layer after the activation.

    The first: `layers`, each with its name, phase, units, those alive, and `counts`: {group: how
    many of its directions have 1, 2, ... `top` images of one class}.
    """
    check(len(images) > top, '--num_examples is %d; expected more than --top, which is %d',
          len(images), top)
    layers, tops = [], []
    for name, phase, phi in features(opened, images):
        counts, tops = {}, []
        for group, scores, numbers in directions(phi, number, top, name_seed(seed, name + phase)):
            if not len(numbers):
                counts[group] = [0] * top
                continue
            rows = top_rows(scores, top)
            counts[group] = np.bincount(modal(y[rows]), minlength=top + 1)[1:].tolist()
            tops += [Top(group, int(each), rows[:, place]) for place, each in enumerate(numbers)]
        layers.append({'name': name, 'phase': phase, 'units': phi.shape[1],
                       'alive': len(alive(phi, top)), 'counts': counts})
    check(layers, '%s: has no hidden layer', opened.run.path)
    return {'train': opened.record, 'layers': layers}, tops
