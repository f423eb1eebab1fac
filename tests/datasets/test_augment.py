"""Images changed at random: each way by hand, and that (seed, step) fixes them."""
from utils.errors import UserError

import numpy as np
import pytest
from scipy import ndimage

from datasets import Dataset, Split, augment, centre_cropped, read_kinds
from datasets.augment import KINDS, MAX_ANGLE

IMAGES = np.float32(np.random.RandomState(0).uniform(size=(40, 12, 10, 3)))


def test_seed_and_step_fix_what_is_drawn_and_ways_do_not_disturb_each_other():
    both = augment(IMAGES, ('rotation', 'contrast'), 1, 7)
    assert np.array_equal(both, augment(IMAGES, ('rotation', 'contrast'), 1, 7))
    for seed, step in ((1, 8), (2, 7)):
        assert not np.array_equal(both, augment(IMAGES, ('rotation', 'contrast'), seed, step))
    one_after_the_other = augment(augment(IMAGES, ('rotation',), 1, 7), ('contrast',), 1, 7)
    assert np.array_equal(both, one_after_the_other)
    assert augment(IMAGES, (), 1, 7) is IMAGES
    assert both.dtype == np.float32 and both.min() >= 0 and both.max() <= 1


class Angle(object):
    """Stands for a RandomState that draws one angle."""

    def __init__(self, angle):
        self.angle = angle

    def uniform(self, unused_low, unused_high, shape):
        return np.full(shape, self.angle)


@pytest.mark.parametrize('angle', [0., MAX_ANGLE, -0.1])
def test_rotation_is_scipys(angle):
    rotated = KINDS['rotation'](IMAGES, Angle(angle))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = np.array([5.5, 4.5])
    for image, found in zip(IMAGES[:3], rotated):
        expected = np.stack([ndimage.affine_transform(
            np.pad(np.float64(channel), 1, 'constant'), turn, centre + 1 - turn @ (centre + 1),
            order=1) for channel in np.moveaxis(image, 2, 0)], axis=2)[1:-1, 1:-1]
        inside = (slice(2, -2), slice(2, -2))   # at the rim scipy sees its own border
        assert np.allclose(found[inside], expected[inside], atol=1e-6)
    assert angle or np.allclose(rotated, IMAGES, atol=1e-6)


def test_crops_are_windows_of_the_image_and_reach_all_corners():
    cropped = augment(IMAGES, ('crop',), 3, 1)
    assert cropped.shape == (40, 8, 6, 3)
    places = set()
    for image, found in zip(IMAGES, cropped):
        matches = [(i, j) for i in range(5) for j in range(5)
                   if np.array_equal(image[i:i + 8, j:j + 6], found)]
        assert len(matches) == 1
        places.add(matches[0])
    assert {i for i, _ in places} == {j for _, j in places} == set(range(5))


def test_mirror_brightness_and_contrast():
    mirrored = augment(IMAGES, ('mirror',), 3, 1)
    turned = [np.array_equal(found, image[:, ::-1]) for image, found in zip(IMAGES, mirrored)]
    kept = [np.array_equal(found, image) for image, found in zip(IMAGES, mirrored)]
    assert all(a != b for a, b in zip(turned, kept)) and 10 < sum(turned) < 30
    grey = 0.4 + 0.2 * IMAGES
    shift = augment(grey, ('brightness',), 3, 1) - grey
    assert np.ptp(shift, axis=(1, 2, 3)).max() < 1e-6
    assert 0.08 < np.abs(shift).max() <= 0.1 + 1e-6
    strong = augment(grey, ('contrast',), 3, 1)
    factor = strong.std(axis=(1, 2)) / grey.std(axis=(1, 2))
    assert np.allclose(strong.mean(axis=(1, 2)), grey.mean(axis=(1, 2)), atol=1e-6)
    assert np.allclose(factor, factor[:, :1], rtol=1e-4)
    assert 0.6 <= factor.min() < 0.75 and 1.25 < factor.max() <= 1.4


def test_tested_images_are_the_middle():
    part = Split(IMAGES, np.zeros(40, np.int32))
    data = centre_cropped(Dataset(part, part, part, 2), ('crop',))
    assert np.array_equal(data.test.x, IMAGES[:, 2:10, 2:8]) and data.train.x is IMAGES
    assert centre_cropped(Dataset(part, part, part, 2), ('mirror',)).test.x is IMAGES
    small = Split(IMAGES[:, :4, :4], part.y)
    with pytest.raises(UserError, match='takes images larger than 4 x 4; these are 4 x 4'):
        centre_cropped(Dataset(small, small, small, 2), ('crop',))


def test_names():
    assert read_kinds('') == () and read_kinds('crop,rotation') == ('rotation', 'crop')
    for text, message in (('zoom', '--augment is .zoom.'), ('crop,crop', 'names one twice')):
        with pytest.raises(UserError, match=message):
            read_kinds(text)
