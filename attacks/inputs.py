"""What people bring to an attack, checked and converted in one place, for every attack alike."""
import collections

from utils.errors import UserError, check
from utils.ops import BOX, prediction

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.loop import SLOTS, by_chunks

FLOATS = (tf.float32, tf.float64)
ANY_FLOAT = (-np.finfo(np.float32).max, np.finfo(np.float32).max)
PASSES_ON = frozenset(['Identity', 'Cast', 'Reshape', 'Squeeze', 'ExpandDims', 'StopGradient'])

Inputs = collections.namedtuple('Inputs', 'model x y targets logits')
Inputs.__doc__ = """What check_inputs makes of an attack's arguments.

model: x [n, ...] float32 -> logits [n, k] float32; x [n, ...] float32; y [n] int32; targets [n]
int32 or None; logits [n, k], the model's on x."""


def check_inputs(model, x, y=None, targets=None, *, box=True, gradient=True):
    """The Inputs of an attack, from tensors or NumPy arrays.

    x: float32 or float64, its dimensions known but for n, in [0, 1] (without `box`: finite); the
    attack computes in float32. y, targets: [n] of any integer type, in 0 to k - 1; without y, it is
    the model's prediction on x. The model returns logits [n, k] of at least two classes and, with
    `gradient`, can be differentiated. One that takes only float64 is given images of float64.
    Raises UserError that names the argument, what was found and what was expected; for values that
    are not known before the graph runs, tf.errors.InvalidArgumentError in the same words.
    """
    check(not tf.executing_eagerly(), 'the attack is called eagerly; expected inside a graph: wrap '
          'the call in tf.function, or make it with attack_arrays')
    check(callable(model), 'model is of type %s; expected a callable x -> logits',
          type(model).__name__)
    x = as_tensor('x', x)
    check(x.dtype in FLOATS, 'x is %s; expected float32 or float64 (see in_bounds for pixels that '
          'are integers)', x.dtype.name)
    check(x.shape.ndims is not None and x.shape.ndims > 1 and all(x.shape.as_list()[1:]),
          'x has shape %s; expected [n, ...] with known dimensions', x.shape)
    given = x.dtype
    low, high = BOX if box else ANY_FLOAT
    x = within('x', tf.cast(x, tf.float32), low, high)
    model, logits = in_float32(model, x, given)
    check_logits(logits, x, gradient)
    k = int(logits.shape[1])
    if y is None:
        y, = by_chunks(lambda rows: [prediction(model(tf.gather(x, rows)))], tf.shape(x)[0], SLOTS)
    y = classes_of('y', y, x, k)
    if targets is not None:
        targets = classes_of('targets', targets, x, k)
    return Inputs(model, x, y, targets, logits)


def as_tensor(name, value):
    """A tensor of a tensor or of whatever NumPy makes an array of."""
    try:
        return tf.convert_to_tensor(value if tf.is_tensor(value) else np.asarray(value))
    except (TypeError, ValueError):
        raise UserError('%s is of type %s; expected a tensor or a NumPy array' %
                        (name, type(value).__name__))


def classes_of(name, classes, x, k):
    """`classes` [n], of any integer type, as int32."""
    classes = as_tensor(name, classes)
    check(classes.dtype.is_integer, '%s is %s; expected integers', name, classes.dtype.name)
    check(classes.shape.ndims == 1, '%s has shape %s; expected [n]', name, classes.shape)
    known = tf.get_static_value(classes)
    classes = tf.constant(np.int64(known)) if known is not None else tf.cast(classes, tf.int64)
    n = x.shape.as_list()[0]
    check(x.shape[:1].is_compatible_with(classes.shape), '%s has shape %s; expected [%s], one for '
          'each image of x', name, classes.shape, n)
    found = tf.strings.join([name + ' has shape [', text(tf.size(classes)), ']; expected [',
                             text(tf.shape(x)[0]), '], one for each image of x'])
    classes = within(name, classes, 0, k - 1, ', the classes of the model')
    same = tf.equal(tf.size(classes), tf.shape(x)[0])
    return tf.cast(required(same, found, classes), tf.int32)


def within(name, values, low, high, what=''):
    """`values`, of which none is outside [low, high] or not a number; low and high are numbers or
    arrays that broadcast.

    Raises UserError where they are known, and else InvalidArgumentError when the graph runs.
    """
    words = [name + ' has values from ', ' to ',
             '; expected %s to %s%s' % (brief(low), brief(high), what)]
    known = tf.get_static_value(values)
    if known is not None:
        if not ((known >= low) & (known <= high)).all():
            form = '%d' if known.dtype.kind in 'iu' else '%.9g'
            raise UserError((form % known.min()).join(words[:2]) + form % known.max() + words[2])
        return values
    found = tf.strings.join([words[0], text(tf.reduce_min(values)), words[1],
                             text(tf.reduce_max(values)), words[2]])
    fits = tf.reduce_all((values >= low) & (values <= high))
    return required(fits, found, values)


def required(fits, found, values):
    """`values`, where `fits`; else the graph stops with the line `found`."""
    with tf.control_dependencies([tf.debugging.Assert(fits, [found])]):
        return tf.identity(values)


def brief(bound):
    """A bound as a word: a number, or the array's numbers."""
    return ', '.join('%g' % number for number in np.ravel(bound))


def text(value):
    """A number of the graph as a string, a float with all its digits."""
    if value.dtype.is_integer:
        return tf.strings.as_string(value)
    return tf.strings.as_string(value, precision=9, shortest=True)


def in_float32(model, x, given):
    """The model as float32 images [n, ...] -> float32 logits, and its logits on x; `given` is the
    dtype of the caller's images, in which a model that takes no float32 is called.
    """
    called = model

    def converted(dtype):
        return lambda images: tf.cast(called(tf.cast(images, dtype)), tf.float32)

    try:
        logits = model(x)
    except (TypeError, ValueError):
        if given == tf.float32:
            raise
        model = converted(given)
        logits = model(x)
    check(tf.is_tensor(logits), 'the model returns a %s; expected a tensor of logits [n, k]',
          type(logits).__name__)
    check(logits.dtype.is_floating, 'the model returns %s; expected logits of float32',
          logits.dtype.name)
    if logits.dtype == tf.float32:
        return model, logits
    return converted(tf.float32), tf.cast(logits, tf.float32)


def check_logits(logits, x, gradient):
    """Raises UserError for what cannot be logits [n, k] of x."""
    check(logits.shape.ndims == 2 and logits.shape.as_list()[1] is not None,
          'the model returns shape %s; expected logits [n, k] with k known', logits.shape)
    check(int(logits.shape[1]) > 1, 'the model returns shape %s; expected logits [n, k] of at '
          'least two classes', logits.shape)
    last = logits.op
    while last.type in PASSES_ON:
        last = last.inputs[0].op
    check(last.type != 'Softmax', 'the model returns probabilities, a softmax; expected logits')
    if gradient:
        try:
            slope = tf.gradients(logits, x)[0]
        except LookupError:
            slope = None
        check(slope is not None, 'the model has no gradient with respect to x; expected one, or an '
              'attack that takes none, such as square')
