"""Images changed at random as they are fed, as Hein & Andriushchenko (NIPS 2017) train with; in
NumPy, and seeded by (seed, step), so that a resumed run sees the same ones.
"""
from utils.errors import check, check_choice

import numpy as np

MAX_ANGLE = np.pi / 20
CUT = 4   # pixels less in height and width: 28 -> 24, 32 -> 28
MAX_BRIGHTER = 0.1
CONTRAST = (0.6, 1.4)


def rotation(images, rng):
    """Rotated about the centre by up to 9 degrees, bilinear; black comes in at the corners."""
    n, height, width, _ = images.shape
    angle = rng.uniform(-MAX_ANGLE, MAX_ANGLE, (n, 1, 1))
    down, right = np.mgrid[:height, :width] - np.reshape([(height - 1) / 2., (width - 1) / 2.],
                                                         (2, 1, 1))
    rows = np.cos(angle) * down + np.sin(angle) * right + (height - 1) / 2.
    columns = np.cos(angle) * right - np.sin(angle) * down + (width - 1) / 2.
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)], 'constant')
    rows, columns = np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)
    top = np.minimum(rows.astype(int), height)
    left = np.minimum(columns.astype(int), width)
    below, beside = ((place - first)[..., np.newaxis] for place, first in
                     ((rows, top), (columns, left)))
    image = np.arange(n)[:, np.newaxis, np.newaxis]
    upper = (1 - beside) * padded[image, top, left] + beside * padded[image, top, left + 1]
    lower = (1 - beside) * padded[image, top + 1, left] + beside * padded[image, top + 1, left + 1]
    return (1 - below) * upper + below * lower


def crop(images, rng):
    """A window with CUT pixels less each way, anywhere."""
    n, height, width, _ = images.shape
    first = rng.randint(CUT + 1, size=(2, n, 1, 1))
    rows = first[0] + np.arange(height - CUT)[:, np.newaxis]
    columns = first[1] + np.arange(width - CUT)
    return images[np.arange(n)[:, np.newaxis, np.newaxis], rows, columns]


def mirror(images, rng):
    """Left and right exchanged, of half of the images."""
    return np.where(rng.uniform(size=(len(images), 1, 1, 1)) < 0.5, images[:, :, ::-1], images)


def brightness(images, rng):
    """All pixels brighter or darker by up to MAX_BRIGHTER."""
    return images + rng.uniform(-MAX_BRIGHTER, MAX_BRIGHTER, (len(images), 1, 1, 1))


def contrast(images, rng):
    """The distance of all pixels from the mean of their channel times a number of CONTRAST."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    return mean + rng.uniform(*CONTRAST, size=(len(images), 1, 1, 1)) * (images - mean)


KINDS = {'rotation': rotation, 'crop': crop, 'mirror': mirror, 'brightness': brightness,
         'contrast': contrast}   # in the order in which they are done


def read_kinds(text):
    """'crop,rotation' -> ('rotation', 'crop'), in the order of KINDS; raises UserError for one that
    is unknown or comes twice.
    """
    names = [name for name in text.split(',') if name]
    for name in names:
        check_choice('--augment', name, KINDS)
    check(len(set(names)) == len(names), '--augment names one twice: %s', text)
    return tuple(name for name in KINDS if name in names)


def augment(images, kinds, seed, step):
    """The images of one training step, float32 [n, h, w, c] in [0, 1], changed in the ways `kinds`;
    after each they are clipped to [0, 1].
    """
    for number, (name, change) in enumerate(KINDS.items(), 1):
        if name in kinds:
            changed = change(images, np.random.RandomState([seed, step, number]))
            images = np.float32(np.clip(changed, 0, 1))
    return images


def centre_cropped(data, kinds, names=('validation', 'test')):
    """The Dataset with the Splits `names` cut to the middle where training crops, so that all
    images have one shape.
    """
    if 'crop' not in kinds:
        return data
    height, width = data.test.x.shape[1:3]
    check(min(height, width) > CUT, '--augment=crop takes images larger than %d x %d; these are '
          '%d x %d', CUT, CUT, height, width)
    first = CUT // 2
    middle = (slice(None), slice(first, first + height - CUT), slice(first, first + width - CUT))
    return data._replace(**{name: getattr(data, name)._replace(x=getattr(data, name).x[middle])
                            for name in names})
