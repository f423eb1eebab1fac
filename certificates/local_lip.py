"""A Lipschitz constant of each margin on a ball, centred at the middle of the possible gradients.

Where CROWN's bounds leave a unit unsure, its slope is 1/2 give or take 1/2. A gradient is then the
centre, known exactly, and one term for each stage, bounded by spectral norms. The radius is that of
Theorem 2.1 of Hein and Andriushchenko (NIPS 2017) in its integral form, whose right-end sum is that
of RecurJac (Zhang et al., AAAI 2019).
"""
import numpy as np

from certificates.crown import ball_of, gradients
from certificates.layers import DenseMap
from certificates.product import head_norms, map_norms
from certificates.radius import LARGEST, image_by_image, rivals_of
from certificates.relaxation import WORK, head_rows, relax
from certificates.spectral import norm_bound

CHUNK = 1   # images certified at a time
NODES = 10   # of the integral, up to its end
START = 0.25   # of the distance to the nearest boundary of the linearised network


def local_lip(network, x, *, box=False):
    """Certified of images x [n, ...] in float64: for each rival j the largest R with the integral
    of L_j(r) from 0 to R at most the margin, L_j a Lipschitz constant of the margin on the ball of
    radius r.

    With `box` only perturbations that stay in [0, 1] count. Raises UserError for activations other
    than ReLUs.
    """
    network.check_relu('local_lip')
    return image_by_image(network, x, box, lambda *image: certify_image(network, box, *image))


def certify_image(network, box, image, values, predicted):
    """(radius, runner-up) of one image, see crown.certify_image."""
    ball = ball_of(network, image, box)
    rivals, rows = rivals_of(predicted, network.head.outputs)
    margins = rows @ values[-1]
    at_image = ball.falls(gradients(network, values, rows))
    known = {}   # radius: (Relaxed stages, constants [k - 1])

    def lipschitz_at(radius):
        if radius not in known:
            wider = min((r for r in known if r > radius), default=None)
            relaxed = relax(network, ball, values, radius, known[wider][0] if wider else None)
            known[radius] = relaxed, lipschitz(network, ball, relaxed, rows)
        return known[radius][1]

    probe = START * np.min(margins / np.maximum(at_image, 1e-12))
    for _ in range(8):   # until a constant is known close above the end of the integral
        probe = min(probe, LARGEST)
        lipschitz_at(probe)
        constants = {radius: found for radius, (_, found) in known.items()}
        constants[0.] = at_image
        end = trapezoid(margins, constants)
        above = [radius for radius in known if radius >= min(end, LARGEST)]
        if above and end > 0.75 * min(above):
            break
        probe = 1.05 * end
    radius, limiting = integrate(margins, lipschitz_at, min(end, LARGEST))
    return radius, rivals[limiting]


def trapezoid(margins, constants):
    """About where the integral of the constants {radius: [k - 1]}, straight between those radii and
    flat beyond the last, reaches the first of the margins.
    """
    radii = sorted(constants)
    grid = np.linspace(0, 2 * radii[-1], 1001)
    used = [np.cumsum(np.interp(grid, radii, values)) * grid[1]
            for values in np.transpose([constants[radius] for radius in radii])]
    return grid[min(min(np.searchsorted(sums, margin), len(grid) - 1)
                    for sums, margin in zip(used, margins))]


def integrate(margins, lipschitz_at, end):
    """(radius, which rival limits it): right-end sums over NODES nodes up to `end` and beyond,
    until the margin of some rival is used up.

    The nodes up to `end` are evaluated from above, since what is settled on a ball is so on a
    smaller one.
    """
    step = end / NODES
    for node in range(NODES, 0, -1):
        lipschitz_at(node * step)
    used = np.zeros(len(margins))
    node = 0
    while node * step < LARGEST:
        constants = lipschitz_at((node + 1) * step)
        after = used + step * constants
        if (after > margins).any():
            rest = np.where(constants > 0, (margins - used) / np.maximum(constants, 1e-300), np.inf)
            return node * step + rest.min(), rest.argmin()
        used = after
        node += 1
    return node * step, np.argmin(margins - used)


def lipschitz(network, ball, relaxed, rows):
    """Upper bounds [m] of how fast rows over the logits can fall anywhere on the ball.

    With the centre D_k of the derivatives of stage k and R_k the rest, |R_k| <= spread_k: the
    gradient of a row v is that of the centre plus, for each stage k, the rest of stage k between
    the centre before it and the true network after it.
    """
    products = norms_of_rests(network, relaxed)
    through = head_rows(network, relaxed, rows)[0]
    centre = []   # rows over the outputs of each stage, through the centre, the last stage first
    for stage in reversed(relaxed):
        centre.append(through)
        through = stage.map.backward(stage.centre(through))
    rests = {}   # bounds of the norm that the true rows have at each stage's unsure units
    for k in reversed(range(len(relaxed))):
        at_k = centre[len(relaxed) - 1 - k] * relaxed[k].spread
        rests[k] = np.sqrt(np.einsum('ij,ij->i', at_k, at_k))
        for later in range(k + 1, len(relaxed)):
            rests[k] = rests[k] + products[later, k] * rests[later]
    found = ball.falls(through)
    for k in rests:
        found = found + products[k, -1] * rests[k]
    dropped = product_of_active(network, relaxed, rows, found)
    return np.minimum(found, dropped) * (1 + 1e-10)


def norms_of_rests(network, relaxed):
    """{(later, k): upper bound of the norm of the centre from stage k's outputs, weighted by its
    spread, to the unsure units of a later stage}; k = -1 stands for the image.
    """
    norms = {}
    for later, known in enumerate(relaxed):
        for k in range(-1, later):
            norms[later, k] = 0.
        if not len(known.unsure):
            continue
        if later == 0 and not isinstance(network.maps[0], DenseMap):
            norms[0, -1] = map_norms(network)[0]
            continue
        parts = {}
        step = max(1, WORK // max(m.work for m in network.maps))
        for chosen in np.split(known.unsure, range(step, len(known.unsure), step)):
            inputs = relaxed[later - 1].active if later else None
            through = network.maps[later].units(chosen, inputs)
            for k in reversed(range(later)):
                parts.setdefault(k, []).append((through * relaxed[k].spread)[
                    :, relaxed[k].spread > 0])
                through = relaxed[k].map.backward(relaxed[k].centre(through))
            parts.setdefault(-1, []).append(through)
        for k, found in parts.items():
            norms[later, k] = norm_bound(np.concatenate(found))
    return norms


def product_of_active(network, relaxed, rows, enough):
    """Upper bounds [m] of the norms of the gradients: the product of the norms of the maps between
    units that are not off.

    Where the product over all units is above 3 times `enough`, that is returned as it is.
    """
    whole = map_norms(network)
    product = head_norms(network, rows) * np.prod(whole)
    if (product > 3 * enough).all():
        return product
    found = np.linalg.norm(head_rows(network, relaxed, rows)[0], axis=1)
    for stage, norm in zip(relaxed, whole):
        dense = isinstance(stage.map, DenseMap)
        found = found * (min(norm, norm_bound(stage.map.weights)) if dense else norm)
    return np.minimum(product, found)
