"""From a bound on how the margins fall to a radius, and what every certificate returns."""
import collections

from utils.errors import check

import numpy as np

TOLERANCE = 2e-3   # relative, of the search for a radius; the lower end is kept
LARGEST = 1e3   # a radius at which the search ends
DOWN = 1 - 1e-9   # what a radius is multiplied by at the end

Certified = collections.namedtuple('Certified', 'radius runner_up')
Certified.__doc__ = """What certify returns: radius [n] float64, below which no l2 perturbation
changes the predicted class (0 for a tie); runner_up [n], the class that limits it."""


def as_inputs(network, x, box):
    """Images [n, ...] as float64 [n, inputs]; raises UserError for another number of inputs, for
    what is not finite and, with `box`, for pixels outside [0, 1].
    """
    x = np.asarray(x, np.float64)
    x = x.reshape(len(x), int(np.prod(x.shape[1:])))
    check(x.shape[1] == network.inputs, 'images have %d pixels; the network takes %d', x.shape[1],
          network.inputs)
    check(np.isfinite(x).all(), 'an image has a pixel that is not a finite number')
    if box and len(x):
        check(x.min() >= 0 and x.max() <= 1, 'images lie in [%g, %g]; certificates in the box take '
              '[0, 1]', x.min(), x.max())
    return x


def predictions(logits):
    """The predicted class c [n] and the margins f_c - f_j [n, k], infinite for c itself."""
    rows = np.arange(len(logits))
    predicted = logits.argmax(axis=1)
    margins = logits[rows, predicted][:, None] - logits
    margins[rows, predicted] = np.inf
    return predicted, margins


def rivals_of(predicted, classes):
    """The classes j other than c, and the rows e_c - e_j [k - 1, k] that make margins of logits."""
    rivals = np.delete(np.arange(classes), predicted)
    rows = -np.eye(classes)[rivals]
    rows[:, predicted] += 1.
    return rivals, rows


def image_by_image(network, x, box, certify):
    """Certified of certify(image [inputs], values of forward, c) -> (radius, runner-up) for each
    image that has no tie.
    """
    x = as_inputs(network, x, box)
    values = network.forward(x)
    predicted, margins = predictions(values[-1])
    radius = np.zeros(len(x))
    runner_up = margins.argmin(axis=1)
    for i in np.flatnonzero(margins.min(axis=1) > 0):
        radius[i], runner_up[i] = certify(x[i], [value[i] for value in values], predicted[i])
    return Certified(radius * DOWN, runner_up)


def largest_radius(bound_at, margin, start):
    """The largest radius, to TOLERANCE and from below, that bound_at certifies.

    bound_at(r) -> (value, within): a lower bound of the margin on the ball of radius r, and the
    radius up to which what was found on that ball certifies; the margin is `margin` at 0. Each step
    solves a parabola through the margin at 0 and the two radii closest to the root, inside the
    bracket; it aims above the root, where `within` is an end from below.
    """
    low, high = 0., np.inf
    tried = []
    r = start
    while low < LARGEST and high > low * (1 + TOLERANCE):
        value, within = bound_at(r)
        if value > 0:
            low = r
        else:
            high = r
            low = max(low, min(within, r))
        tried.append((r, value))
        closest = sorted(tried, key=lambda point: abs(point[1]))[:2]
        r = inside(parabola_root(margin, closest) * (1 + TOLERANCE / 3), low, high)
    return low


def parabola_root(margin, points):
    """The first positive root of the parabola through (0, margin) and one or two points (r, value);
    with one, its slope at 0 is half of the chord's.
    """
    (r, value) = points[0]
    chord = (value - margin) / r
    if len(points) == 1:
        bend = chord / 2 / r
    else:
        other, other_value = points[1]
        bend = (chord - (other_value - margin) / other) / (r - other)
    slope = chord - bend * r
    inner = slope ** 2 - 4 * bend * margin
    if inner < 0 or slope >= 0 and bend >= 0:
        return np.inf
    return 2 * margin / (np.sqrt(inner) - slope)


def inside(root, low, high):
    """`root` where it lies well inside the bracket, else a radius that shortens the bracket."""
    if high == np.inf:
        return min(max(root, 1.3 * low), 4 * low)
    if low == 0:
        return min(max(root, high / 16), 0.7 * high)
    if high > 4 * low:
        return min(max(root, low * 1.1), np.sqrt(low * high))
    return min(max(root, low + 0.1 * (high - low)), high - 0.1 * (high - low))
