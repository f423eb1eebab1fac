"""Colours and line styles as people with deuteranopia see them, and in grey."""
import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from figures.style import LOOKS, OTHERS, SIGNED, VERMILLION, line

# Deuteranopia, of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1.0).
DEUTERANOPIA = np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                         [-0.011820, 0.042940, 0.968881]])
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
JUST_SEEN = 2.3   # of CIE 1976 colour difference
ATTACKS = ('deepfool', 'carlini', 'high_confidence')
DEFENSES = tuple(name for name in LOOKS if name not in ATTACKS)


def linear(colour):
    """A colour of matplotlib as linear RGB [3]."""
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """Linear RGB as CIELAB, of white light (D65)."""
    xyz = XYZ.dot(rgb) / XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116.)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def seen(colour):
    """CIELAB of a colour as it is seen with deuteranopia."""
    return lab(np.clip(DEUTERANOPIA.dot(linear(colour)), 0, 1))


def difference(one, other):
    """The colour difference of two colours as they are seen with deuteranopia."""
    return np.linalg.norm(seen(one) - seen(other))


def test_the_simulation_hides_red_from_green_alone():
    assert difference('#b3614b', '#7f7f4b') < 10 < difference(VERMILLION, '#0072B2')
    assert np.allclose(DEUTERANOPIA.sum(axis=1), 1, atol=1e-3)   # white stays white
    assert np.allclose(seen('#ffffff'), (100, 0, 0), atol=0.5)


@pytest.mark.parametrize('names', [DEFENSES, ATTACKS])
def test_the_lines_of_a_picture_are_told_apart(names):
    looks = [line(name) for name in names]
    for one, other in itertools.combinations(looks, 2):
        assert difference(one['color'], other['color']) > 6 * JUST_SEEN, (one, other)
        assert one['linestyle'] != other['linestyle'], (one, other)   # in grey


def test_those_without_a_look_differ_in_colour_and_style():
    for one, other in itertools.combinations(OTHERS, 2):
        assert difference(one[0], other[0]) > 6 * JUST_SEEN and one != other, (one, other)


def test_every_line_stands_out_from_white():
    for colour in {look[0] for look in list(LOOKS.values()) + list(OTHERS)}:
        assert difference(colour, '#ffffff') > 10 * JUST_SEEN, colour


def test_the_ends_of_a_difference_are_told_apart():
    low, high = (matplotlib.colormaps[SIGNED](share) if hasattr(matplotlib, 'colormaps') else
                 matplotlib.cm.get_cmap(SIGNED)(share) for share in (0.1, 0.9))
    assert difference(low[:3], high[:3]) > 20 * JUST_SEEN
