"""Loops over images that finish at different times: a finished image leaves, a waiting one takes
its place.

The cost follows the sum of the images' steps, not the number of images times the longest of them.
"""
import collections

from utils.ops import prediction

import tensorflow.compat.v1 as tf

SLOTS = 100   # images that an attack works on at a time, by default


def run_active(enter, step, results, n, slots):
    """Runs every one of n images until its step says that it is done, at most `slots` of them at a
    time, in one tf.while_loop.

    enter(rows [b]) -> state, a namedtuple of tensors [b, ...], of the images at these rows as they
    begin. step(state) -> (state, done [b] bool), one step of each image; an image is in no further
    step once it is done.
    results: names of the fields to return. Returns {name: [n, ...]} as they were when each image
    was done.
    """
    begin = enter(tf.range(tf.minimum(n, slots)))

    def body(following, rows, state, arrays):
        state, done = step(state)
        leaving = places(done)
        finished = tf.gather(rows, leaving)
        arrays = [
            array.scatter(finished, tf.gather(getattr(state, name), leaving))
            for name, array in zip(results, arrays)
        ]
        following, rows, state = tf.cond(tf.reduce_any(done),
                                         lambda: refill(following, rows, state, ~done), lambda:
                                         (following, rows, state))
        return following, rows, state, arrays

    def refill(following, rows, state, keep):
        free = slots - tf.reduce_sum(tf.cast(keep, tf.int32))
        entering = tf.range(following, tf.minimum(following + free, n))
        staying = places(keep)
        both = [
            tf.concat([tf.gather(old, staying), new], axis=0)
            for old, new in zip((rows, ) + state, (entering, ) + enter(entering))
        ]
        return following + tf.shape(entering)[0], both[0], type(state)(*both[1:])

    arrays = [
        tf.TensorArray(getattr(begin, name).dtype, n, element_shape=getattr(begin, name).shape[1:])
        for name in results
    ]
    shapes = [
        tf.TensorShape([]),
        tf.TensorShape([None]),
        type(begin)(*(tf.TensorShape([None]).concatenate(t.shape[1:]) for t in begin)),
        [tf.TensorShape([])] * len(arrays)
    ]
    loop = tf.while_loop(
        lambda following, rows, state, arrays: tf.size(rows) > 0, body,
        [tf.minimum(n, slots), tf.range(tf.minimum(n, slots)), begin, arrays],
        shape_invariants=shapes, back_prop=False, parallel_iterations=1)
    return {name: array.stack() for name, array in zip(results, loop[3])}


def places(mask):
    """Where `mask` [b] is true: [m] int64."""
    return tf.reshape(tf.where(mask), [-1])


def by_chunks(function, n, size):
    """function(rows [b]) -> tuple of tensors [b, ...], called on rows 0 to n - 1 in chunks of
    `size`; the same for all n rows.
    """
    def body(start, arrays):
        rows = tf.range(start, tf.minimum(start + size, n))
        return start + size, [
            array.scatter(rows, values) for array, values in zip(arrays, function(rows))
        ]

    arrays = [
        tf.TensorArray(values.dtype, n, element_shape=values.shape[1:])
        for values in function(tf.range(tf.minimum(n, 0)))
    ]
    _, arrays = tf.while_loop(lambda start, arrays: start < n, body, [0, arrays], back_prop=False,
                              parallel_iterations=1)
    return [array.stack() for array in arrays]


def perturb(model, x, y, prepare, step, *, max_iter, slots):
    """The plumbing of an attack that moves r from 0 by steps: (r [n, ...], iterations [n] int32).

    An image that the model misclassifies to begin with, and every image where `max_iter` is 0,
    keeps r = 0.
    prepare(rows, x, y, logits) -> list of tensors [b, ...], what the images at these rows need in
    all of their steps.
    step(x, y, r, *prepared) -> (r, moved, done): the next r; moved [b] bool, whether an image takes
    it; done [b] bool, whether it is in no further step.
    """
    n = tf.size(y)

    def begin(rows):
        x_rows = tf.gather(x, rows)
        y_rows = tf.gather(y, rows)
        logits = model(x_rows)
        return [tf.equal(prediction(logits), y_rows)] + list(prepare(rows, x_rows, y_rows, logits))

    attackable, *prepared = by_chunks(begin, n, slots)
    needed = ['needed%d' % i for i in range(len(prepared))]
    State = collections.namedtuple('State', ['x', 'y', 'attackable', 'r', 'iterations'] + needed)

    def enter(rows):
        images = tf.gather(x, rows)
        return State(images, tf.gather(y, rows), tf.gather(attackable, rows) & (max_iter > 0),
                     tf.zeros_like(images), tf.zeros_like(rows),
                     *(tf.gather(values, rows) for values in prepared))

    def advance(state):
        r, moved, done = step(state.x, state.y, state.r, *state[5:])
        moved &= state.attackable
        iterations = state.iterations + tf.cast(moved, tf.int32)
        state = state._replace(r=tf.where(moved, r, state.r), iterations=iterations)
        return state, done | ~state.attackable | (iterations >= max_iter)

    found = run_active(enter, advance, ('r', 'iterations'), n, slots)
    return found['r'], found['iterations']
