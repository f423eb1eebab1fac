"""The Square attack, l2 (Andriushchenko et al., ECCV 2020): a random search that takes no gradient.

As it needs none, it tells whether a defense only hides its gradient: run with each image's own
radius, it must not find what is closer than the smallest perturbation of the other attacks.
"""
import collections

from utils.errors import check
from utils.noise import Noise
from utils.ops import mask_class, per_image, project_box, select_class, squared_norm, steepest

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, outcome
from attacks.inputs import check_inputs
from attacks.loop import SLOTS, by_chunks, run_active

TILES = 5        # the first perturbation has so many squares along a side
SMALLEST = 3     # side of the smallest square of the search
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)   # of the share, in 10,000 queries
TINY = 1e-10     # keeps an untouched window from a division by 0
ROW, COLUMN, EMPTIED_ROW, EMPTIED_COLUMN, ACROSS, SIGNS = range(6)   # what a query draws

PREFIX = 'square'
SHARED = ('epsilon',)
HELP = {
    'queries': 'images that the model is asked about, for each image',
    'share': 'of the pixels, in the first square of the search',
}

# z: the image asked about next; best, margin: the one with the least margin so far.
State = collections.namedtuple(
    'State', 'x y attackable epsilon offset z best margin iterations')


def square(model, x, y=None, noise=None, slots=SLOTS, *, epsilon=2., queries=5000, share=.1):
    """Random squares inside the l2 ball, each kept if it lowers the margin in logits, until the
    class changes.

    model: x -> logits [n, k], of which no gradient is taken; x [n, h, w, c] in [0, 1]; y [n]
    int32, the labels. `epsilon`: a number, or [n], the radius of each image. `noise` is a
    utils.noise.Noise. An image that is not fooled is returned with the least margin that was
    found; `iterations` are its queries. `slots` images are worked on at a time. Returns
    Adversarial; raises UserError for a hyper-parameter out of range, ValueError for no images.
    """
    if not tf.is_tensor(epsilon):
        check_number('epsilon', epsilon)
    check_number('share', share, low_open=True)
    for name, value in (('queries', queries), ('slots', slots)):
        check_number(name, value, low=1)
    inputs = check_inputs(model, x, y, gradient=False)
    model, x, y, _, _ = inputs
    check(x.shape.ndims == 4, 'x has shape %s; expected images [n, h, w, c]', x.shape)
    n = tf.size(y)
    h, w, channels = x.shape.as_list()[1:]
    noise = noise or Noise(0)
    sides = square_sides(share, queries, h, w)
    bumps = padded_bumps(sides)
    # A draw is the sum, modulo 1, of a query's number and an image's own: uniform, different for
    # each image, and the same whatever images are worked on beside it.
    numbers = noise.uniform([queries, SIGNS + channels], 0., 1., 'square/queries')
    own = noise.uniform([n, SIGNS + channels], 0., 1., 'square/images')
    along, across = [length // tile_side(h, w) for length in (h, w)]
    signs = random_signs(noise.uniform([n, along, across, channels], 0., 1., 'square/start'))
    radii = tf.convert_to_tensor(epsilon, x.dtype) + tf.zeros([n], x.dtype)

    def begin(rows):
        return [attackable(model(tf.gather(x, rows)), tf.gather(y, rows))]

    parts = [x, y] + by_chunks(begin, n, slots) + [radii, own]

    def enter(rows):
        images, labels, right, radius, offset = [tf.gather(part, rows) for part in parts]
        first = tiled_bumps(tf.gather(signs, rows), h, w)
        return State(images, labels, right, radius, offset, z=reach(images, first, radius),
                     best=images, margin=tf.fill(tf.shape(rows), np.inf),
                     iterations=tf.zeros_like(rows))

    def step(state):
        state = ask(model, state)
        query = tf.clip_by_value(state.iterations, 1, queries) - 1
        drawn = tf.floormod(tf.gather(numbers, query) + state.offset, 1.)
        delta = propose(state.best - state.x, drawn, tf.gather(sides, query), bumps, state.epsilon)
        done = (state.margin < 0) | (state.iterations >= queries) | ~state.attackable
        return state._replace(z=reach(state.x, delta, state.epsilon)), done

    found = run_active(enter, step, ('best', 'iterations'), n, slots)
    return outcome(inputs, found['best'], found['iterations'])


def ask(model, state):
    """Asks the model about z, and keeps it where its margin is the least so far."""
    logits = model(state.z)
    others = tf.reduce_max(mask_class(logits, state.y), axis=1)
    margin = select_class(logits, state.y) - others
    better = state.attackable & (margin < state.margin)
    return state._replace(
        best=tf.where(better, state.z, state.best),
        margin=tf.where(better, margin, state.margin),
        iterations=state.iterations + tf.cast(state.attackable, tf.int32))


def reach(x, delta, epsilon):
    """x + delta, delta scaled to l2 norm `epsilon` [n], in the box: [n, h, w, c]."""
    return project_box(x + per_image(epsilon, x) * steepest(delta))


def propose(delta, drawn, side, bumps, epsilon):
    """delta [n, h, w, c] with one window emptied and its norm, and what is left of epsilon, put
    into a bump in another, one for each channel (algorithm 3 of the paper).

    drawn [n, 5 + c] in [0, 1); side [n] int32; bumps: see padded_bumps.
    """
    h, w, channels = delta.shape.as_list()[1:]
    room = tf.cast(tf.stack([h - side + 1, w - side + 1], axis=1), delta.dtype)
    corner = tf.cast(tf.floor(drawn[:, ROW:EMPTIED_ROW] * room), tf.int32)
    emptied = tf.cast(tf.floor(drawn[:, EMPTIED_ROW:ACROSS] * room), tf.int32)
    inside, bump = window(h, w, corner, side, drawn[:, ACROSS] < 0.5, bumps)
    cleared, _ = window(h, w, emptied, side, drawn[:, ACROSS] < 0.5, bumps)
    sign = random_signs(drawn[:, tf.newaxis, tf.newaxis, SIGNS:])

    def norm_within(mask, values):
        return tf.sqrt(tf.reduce_sum(tf.square(mask * values), axis=[1, 2], keepdims=True))

    left = tf.maximum(tf.square(epsilon) - squared_norm(delta), 0.) / channels
    both = tf.maximum(inside, cleared)
    length = tf.sqrt(per_image(left, delta) + tf.square(norm_within(both, delta)))
    fresh = sign * bump + inside * delta / (TINY + norm_within(inside, delta))
    fresh *= length / (TINY + norm_within(inside, fresh))
    return delta * (1. - both) + inside * fresh


def window(h, w, corner, side, across, bumps):
    """The window of `side` [n] at corner [n, 2], 1 inside and 0 outside, and the bump in it,
    transposed where `across` [n]: two [n, h, w, 1].
    """
    rows = tf.range(h)[tf.newaxis, :, tf.newaxis] - corner[:, 0, tf.newaxis, tf.newaxis]
    columns = tf.range(w)[tf.newaxis, tf.newaxis, :] - corner[:, 1, tf.newaxis, tf.newaxis]
    rows += tf.zeros_like(columns)
    columns += tf.zeros_like(rows)
    limit = side[:, tf.newaxis, tf.newaxis]
    inside = (rows >= 0) & (rows < limit) & (columns >= 0) & (columns < limit)
    inside = tf.cast(inside, bumps.dtype)[..., tf.newaxis]
    first = tf.where(across, columns, rows)
    second = tf.where(across, rows, columns)
    largest = int(bumps.shape[1]) - 1
    places = tf.stack([limit + tf.zeros_like(rows)] + [
        tf.clip_by_value(place, 0, largest) for place in (first, second)], axis=3)
    return inside, inside * tf.gather_nd(bumps, places)[..., tf.newaxis]


def square_sides(share, queries, h, w):
    """The side of the square of each query, int32 [queries]: odd; the share of the pixels in it is
    halved at HALVINGS.
    """
    progress = np.arange(queries) * 10000 // queries
    halved = (progress[:, np.newaxis] > np.array(HALVINGS)).sum(axis=1)
    sides = np.round(np.sqrt(share / 2. ** halved * h * w)).astype(np.int32)
    sides = np.maximum(sides, SMALLEST)
    sides += 1 - sides % 2
    return np.int32(np.minimum(sides, min(h, w)))


def bump(side):
    """A hill above a valley, [side, side] of l2 norm 1: half of the rows each."""
    def hill(rows, columns):
        i = np.abs(np.arange(rows) - rows // 2)[:, np.newaxis]
        j = np.abs(np.arange(columns) - columns // 2)
        last = max(rows, columns) // 2
        heights = np.cumsum(1. / np.arange(last + 1, 0, -1) ** 2)[::-1]
        values = heights[np.maximum(i, j)]
        return values / max(np.linalg.norm(values), TINY)

    both = np.concatenate([hill(side // 2, side), -hill(side - side // 2, side)])
    return both / np.linalg.norm(both)


def padded_bumps(sides):
    """bump(s) in the corner of entry s, float32 [largest + 1, largest, largest]."""
    largest = max(sides)
    padded = np.zeros([largest + 1, largest, largest], np.float32)
    for side in set(sides):
        padded[side, :side, :side] = bump(side)
    return padded


def random_signs(uniform):
    """-1 or 1, each as likely, from numbers in [0, 1)."""
    return 1. - 2. * tf.cast(uniform < 0.5, uniform.dtype)


def tile_side(h, w):
    """The side of the squares of the first perturbation."""
    return max(min(h, w) // TILES, 1)


def tiled_bumps(signs, h, w):
    """Bumps side by side, in the middle of the image: signs [n, rows, columns, c] -> [n, h, w, c].
    """
    rows, columns, channels = signs.shape.as_list()[1:]
    side = tile_side(h, w)
    shape = np.float32(bump(side)).reshape([side, 1, side, 1])
    tiles = signs[:, :, tf.newaxis, :, tf.newaxis] * shape
    tiles = tf.reshape(tiles, [-1, rows * side, columns * side, channels])
    above = (h - rows * side) // 2
    before = (w - columns * side) // 2
    return tf.pad(tiles, [[0, 0], [above, h - rows * side - above],
                          [before, w - columns * side - before], [0, 0]])
