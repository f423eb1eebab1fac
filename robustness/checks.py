"""Is the gradient masked? Seven checks of a network (Carlini et al. 2019, On Evaluating Adversarial
Robustness; Croce & Hein 2020), beside the smallest perturbations that boundary finds.

Each check returns {'passed': bool, ...}, numbers as JSON holds them. A check that fails stops
nothing: it says that the network may be weaker than the attacks show.
"""
import collections

from utils.ops import lp_norm, nll, per_image, prediction, project_box, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.targets import lead
from evaluation.results import RADII

SHARE = 0.01          # of the found length, over which the margin should fall as its gradient says
FALL = (0.9, 1.1)     # in which the median of measured over predicted fall should lie
LEAST_FALL = 0.5      # and its 5th percentile above
CONVERGED = 0.005     # of rho, by which twice the steps may change it
LENGTHS = (1, 2, 4)   # of random directions, times the found length
DIRECTIONS = 1000     # of each length
CLOSER = 0.99         # of the found length: where Square and transfer must not succeed
BATCH = 100           # images at a time

Network = collections.namedtuple('Network', 'session model x y')
Network.__doc__ = "A network with its weights in an open session; x, y: placeholders of its images."

Found = collections.namedtuple('Found', 'x y x_adv l2 right')
Found.__doc__ = """The images x [n, ...] and labels y [n] that are checked, and what boundary made
of them; l2 [n] in float64, infinite where it failed; right [n] bool: not misclassified to begin
with.
"""


def batched(network, tensors, fed):
    """The values of tensors [b, ...] over all images; fed: {tensor: array [n, ...]}, by BATCH."""
    n = len(next(iter(fed.values())))
    chunks = [network.session.run(tensors, {key: values[start:start + BATCH]
                                            for key, values in fed.items()})
              for start in range(0, max(n, 1), BATCH)]
    return [np.concatenate(parts) for parts in zip(*chunks)]


def predicted(network, x):
    """[n] int32, the classes of images."""
    return batched(network, [prediction(network.model(network.x))], {network.x: x})[0]


def find(network, attack, x, y):
    """The Found of images under attack(model, x, y) -> Adversarial."""
    found = attack(network.model, network.x, network.y)
    x_adv, = batched(network, [found.x_adv], {network.x: x, network.y: y})
    right = predicted(network, x) == y
    l2 = np.linalg.norm((np.float64(x_adv) - x).reshape(len(x), -1), axis=1)
    l2 = np.where(right & (predicted(network, x_adv) == y), np.inf, l2)
    return Found(x, y, x_adv, np.where(right, l2, 0.), right)


def known(found):
    """The Found of the images that are right to begin with and for which something was found."""
    rows = found.right & np.isfinite(found.l2)
    return Found(*(values[rows] for values in found))


def moved(x, directions, length):
    """x [n, ...] moved by length [n] along directions [n, ...], in the box; float32."""
    size = np.linalg.norm(directions.reshape(len(x), -1), axis=1)
    scale = length / np.where(size > 0, size, 1.)
    return np.float32(np.clip(x + scale.reshape([-1] + [1] * (x.ndim - 1)) * directions, 0., 1.))


def quantile(values, percent):
    """A percentile, None of no values."""
    return float(np.percentile(values, percent)) if len(values) else None


def gradients(network, found):
    """1. No image has a margin without gradient. The cross-entropy's, which vanishes in float32
    where the confidence rounds to 1, is only told.
    """
    logits = network.model(network.x)
    norms = [lp_norm(tf.gradients(value, network.x)[0])
             for value in (lead(logits, network.y), nll(logits, network.y))]
    margin, entropy = [values[found.right] for values in batched(
        network, norms, {network.x: found.x, network.y: found.y})]
    zero = int(np.sum(margin == 0))
    return {'passed': zero == 0, 'images': len(margin), 'count': zero,
            'zero_entropy': int(np.sum(entropy == 0)), 'median_entropy': quantile(entropy, 50)}


def linearity(network, found):
    """2. The margin falls as its gradient says: measured over predicted fall, a hundredth of the
    found length along the gradient.
    """
    some = known(found)
    step = tf.placeholder(tf.float32, [None])
    margin = lead(network.model(network.x), network.y)
    w = tf.gradients(margin, network.x)[0]
    lower = lead(network.model(network.x - per_image(step, w) * steepest(w)), network.y)
    measured, expected = batched(
        network, [margin - lower, step * lp_norm(w)],
        {network.x: some.x, network.y: some.y, step: np.float32(SHARE * some.l2)})
    ratio = measured[expected > 0] / expected[expected > 0]
    median, low = quantile(ratio, 50), quantile(ratio, 5)
    passed = median is not None and FALL[0] <= median <= FALL[1] and low >= LEAST_FALL
    return {'passed': bool(passed), 'images': len(ratio), 'median': median, 'percentile_5': low}


def convergence(found, longer):
    """3. Twice the steps of refinement, Found `longer`, change rho by less than half a percent."""
    both = found.right & np.isfinite(found.l2) & np.isfinite(longer.l2)
    norms = np.linalg.norm(np.float64(found.x[both]).reshape(int(both.sum()), -1), axis=1)
    rho, other = [np.sum(each.l2[both] / np.maximum(norms, 1e-12)) for each in (found, longer)]
    change = float(other / rho - 1) if rho else 0.
    return {'passed': abs(change) < CONVERGED, 'images': int(both.sum()), 'change': change}


def random_directions(network, found):
    """4. None of a thousand random directions fools an image at the found length; how many images
    are fooled at twice and four times that is told.
    """
    some = known(found)
    fooled = {length: 0 for length in LENGTHS}
    classes = prediction(network.model(network.x))
    for number, (x, y, l2) in enumerate(zip(some.x, some.y, some.l2)):
        directions = np.random.RandomState(number).standard_normal((DIRECTIONS,) + x.shape)
        start = np.broadcast_to(x, directions.shape)
        for length in LENGTHS:
            points = moved(start, directions, np.full(DIRECTIONS, length * l2))
            fooled[length] += bool((network.session.run(classes, {network.x: points}) != y).any())
    return {'passed': fooled[1] == 0, 'images': len(some.y), 'count': fooled[1],
            'fooled': {'%d' % length: count for length, count in fooled.items()}}


def curve(found):
    """5. Robust accuracy falls with the radius, and at last to 0."""
    values = [float(np.mean(found.l2 > radius)) for radius in (0.,) + RADII]
    lost = int(np.sum(np.isinf(found.l2)))
    return {'passed': lost == 0 and values == sorted(values, reverse=True), 'count': lost,
            'images': len(found.y), 'accuracy': {'%g' % radius: share for radius, share in zip(
                (0.,) + RADII, values)}}


def single_step(network, found):
    """6. No step of FGSM's l2 form fools an image at a norm at which the iterative attack does not:
    at half, nine tenths and 0.99 of the found length, and at the radii of robust accuracy.
    """
    some = known(found)
    w = tf.gradients(nll(network.model(network.x), network.y), network.x)[0]
    directions, = batched(network, [w], {network.x: some.x, network.y: some.y})
    lengths = [share * some.l2 for share in (.5, .9, CLOSER)]
    lengths += [np.full(len(some.y), radius) for radius in RADII]
    beaten = np.zeros(len(some.y), bool)
    for length in lengths:
        fooled = predicted(network, moved(some.x, directions, length)) != some.y
        beaten |= fooled & (length < some.l2)
    return {'passed': not beaten.any(), 'images': len(some.y), 'count': int(beaten.sum())}


def gradient_free(network, found, attack):
    """7a. An attack that takes no gradient, attack(model, x, y, epsilon) -> Adversarial, fools no
    image closer than the found length.
    """
    some = known(found)
    epsilon = tf.placeholder(tf.float32, [None])
    x_adv = attack(network.model, network.x, network.y, epsilon).x_adv
    points, = batched(network, [project_box(x_adv)], {
        network.x: some.x, network.y: some.y, epsilon: np.float32(CLOSER * some.l2)})
    count = int(np.sum(predicted(network, points) != some.y))
    return {'passed': count == 0, 'images': len(some.y), 'count': count}


def transfer(network, found, other):
    """7b. The perturbations that were found for another network, Found `other` of the same images,
    fool no image closer than the found length.
    """
    some = found.right & np.isfinite(found.l2) & other.right & np.isfinite(other.l2)
    directions = np.float64(other.x_adv[some]) - other.x[some]
    points = moved(found.x[some], directions, CLOSER * found.l2[some])
    count = int(np.sum(predicted(network, points) != found.y[some]))
    return {'passed': count == 0, 'images': int(some.sum()), 'count': count}
