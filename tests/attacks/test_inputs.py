"""What people bring to an attack: taken by every attack alike, or refused in one line."""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import ATTACKS
from tests.known import LinearModel, few_steps, flat, open_session

K = 4
WEIGHTS = np.random.RandomState(0).randn(36, K)
LINEAR = LinearModel(WEIGHTS, -.5 * WEIGHTS.sum(axis=0))
MODEL = flat(LINEAR)
IMAGES = np.float32(np.random.RandomState(1).uniform(.2, .8, (5, 6, 6, 1)))
LABELS = LINEAR.logits(IMAGES.reshape(5, 36)).argmax(axis=1)
# eval_robustness goes from the prediction, also where that is wrong, and uses no y.
EVERY = pytest.mark.parametrize('name', sorted(set(ATTACKS) - {'eval_robustness'}))
TARGETED = ['bim', 'boundary', 'carlini', 'fgsm', 'high_confidence', 'pgd']


SEEN_IN_THE_GRAPH = [
    (IMAGES, LABELS + 3, r'y has values from 3 to \d; expected 0 to 3, the classes of the model'),
    (IMAGES, LABELS[:3], r'y has shape \[3\]; expected \[5\], one for each image of x'),
    (2 * IMAGES, LABELS, r'x has values from 0\.4\d* to 1\.5\d*; expected 0 to 1'),
    (np.where(IMAGES > .7, np.nan, IMAGES), LABELS, 'x has values from .*; expected 0 to 1'),
    (IMAGES - 1, LABELS, r'x has values from -0\.7\d* to -0\.2\d*; expected 0 to 1'),
]


def built(name, model=MODEL, x=IMAGES, y=LABELS, **settings):
    return ATTACKS[name](model, x, y, **dict(few_steps(name, IMAGES), **settings))


def floats(*shape):
    return tf.placeholder(tf.float32, shape)


def in_float64(x):
    return tf.matmul(tf.reshape(x, [-1, 36]), tf.constant(WEIGHTS)) - .5 * WEIGHTS.sum(axis=0)


@pytest.fixture(scope='module')
def expected():
    """What each attack makes of float32 images and int32 labels: {attack: (x_adv, success)}."""
    with tf.Graph().as_default(), open_session() as session:
        return {name: session.run(built(name, y=np.int32(LABELS))[::2])
                for name in set(ATTACKS) - {'eval_robustness'}}


@EVERY
@pytest.mark.parametrize('change', [
    {'y': None, 'x': IMAGES.tolist()},
    {'y': np.uint8(LABELS), 'x': np.float64(IMAGES), 'model': in_float64},
], ids=['prediction, a list', 'uint8, float64 model'])
def test_what_can_be_taken_gives_the_same(session, expected, name, change):
    x_adv, success = session.run(built(name, **change)[::2])
    assert x_adv.dtype == np.float32 and np.allclose(x_adv, expected[name][0], atol=1e-4)
    assert np.array_equal(success, expected[name][1]) and success.any()


@EVERY
def test_so_do_placeholders_and_what_only_the_graph_sees_it_says_in_the_same_words(
        session, expected, name):
    """float64 and int64, where the others have lists, uint8 and no labels."""
    x, y = tf.placeholder(tf.float64, [None, 6, 6, 1]), tf.placeholder(tf.int64, [None])
    found = built(name, x=x, y=y)[::2]
    x_adv, success = session.run(found, {x: IMAGES, y: LABELS})
    assert np.allclose(x_adv, expected[name][0], atol=1e-4)
    assert np.array_equal(success, expected[name][1])
    for images, labels, message in SEEN_IN_THE_GRAPH:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(found[0], {x: images, y: labels})


@pytest.mark.parametrize('name', TARGETED)
def test_targets_may_be_of_any_integer_type(session, name):
    targets = (LABELS + 1) % K
    found = [built(name, targets=values).x_adv
             for values in (targets.tolist(), tf.constant(np.int16(targets)))]
    first, second = session.run(found)
    assert np.array_equal(first, second)


@EVERY
def test_a_class_whose_logit_is_minus_infinity_is_never_reached(session, name):
    """A model that switches one class off: the others are attacked as ever."""
    kept = np.arange(K) != (LABELS[0] + 1) % K

    def model(x):
        logits = MODEL(x)
        keep = tf.constant(kept) & tf.ones_like(logits, tf.bool)
        return tf.where(keep, logits, tf.fill(tf.shape(logits), -np.inf))

    logits = np.where(kept, LINEAR.logits(IMAGES.reshape(5, 36)), -np.inf)
    labels = logits.argmax(axis=1)
    x_adv, _, success = session.run(built(name, model, y=labels))
    assert np.isfinite(x_adv).all() and success.sum() >= 3
    found = np.where(kept, LINEAR.logits(x_adv.reshape(5, 36)), -np.inf).argmax(axis=1)
    assert np.array_equal(found != labels, success)


REFUSED = {
    'one-hot y': ({'y': np.eye(K)[LABELS].astype(int)}, r'y has shape \(5, 4\); expected \[n\]'),
    'float y': ({'y': np.float32(LABELS)}, 'y is float32; expected integers'),
    'boolean y': ({'y': LABELS > 1}, 'y is bool; expected integers'),
    'no class': ({'y': LABELS + 3}, r'y has values from 3 to \d; expected 0 to 3, the classes'),
    'below 0': ({'y': LABELS - 9}, 'y has values from -9 to -.; expected 0 to 3'),
    'beyond int32': ({'y': LABELS + 2 ** 32}, 'y has values from 4294967296 to 429496729.; exp'),
    'too few labels': ({'y': LABELS[:4]}, r'y has shape \(4,\); expected \[5\], one for each'),
    'one label': ({'y': 1}, r'y has shape \(\); expected \[n\]'),
    'float16': ({'x': np.float16(IMAGES)}, 'x is float16; expected float32 or float64'),
    'uint8': ({'x': np.uint8(255 * IMAGES)}, 'x is uint8; expected float32 or float64'),
    'words': ({'x': 'digits'}, 'x is string; expected float32'),
    'an object': ({'x': object()}, 'x is of type object; expected a tensor or a NumPy array'),
    'one number': ({'x': 1.}, r'x has shape \(\); expected \[n, ...\] with known dimensions'),
    '255': ({'x': 255 * IMAGES}, r'x has values from 5\d\.\d+ to 203\.\d+; expected 0 to 1'),
    'a little more than 1': ({'x': IMAGES / IMAGES.max() + np.float32(6e-7)},
                             r'to 1\.0000006\d?; expected 0 to 1'),
    'not a number': ({'x': IMAGES * np.nan}, 'x has values from nan to nan; expected 0 to 1'),
    'no model': ({'model': 'mlp'}, 'model is of type str; expected a callable x -> logits'),
    'one output': ({'model': lambda x: MODEL(x)[:, :1]}, r'returns shape \(5, 1\); expected log'),
    'a sum': ({'model': lambda x: tf.reduce_max(MODEL(x), 1)}, r'shape \(5,\); expected logits'),
    'a dictionary': ({'model': lambda x: {'logits': MODEL(x)}}, 'a dict; expected a tensor of log'),
    'classes': ({'model': lambda x: tf.cast(MODEL(x), tf.int32)}, 'int32; expected logits'),
    'softmax, reshaped': ({'model': lambda x: tf.reshape(tf.nn.softmax(MODEL(x)), [-1, K])},
                          'the model returns probabilities, a softmax; expected logits'),
    'softmax, sharpened': ({'model': lambda x: tf.identity(tf.nn.softmax(9. * MODEL(x)))},
                           'the model returns probabilities, a softmax; expected logits'),
}


@EVERY
def test_the_rest_is_one_line(name):
    for change, message in REFUSED.values():
        with pytest.raises(UserError, match=message) as raised:
            built(name, **change)
        assert '\n' not in str(raised.value)


@EVERY
def test_unknown_dimensions_are_one_line(name):
    model = lambda x: tf.matmul(tf.reduce_mean(x, [1, 2]), np.float32(WEIGHTS[:1]))
    for shape in ([None, None, None, 1], [None, 6, None, 1], None):
        with pytest.raises(UserError, match='x has shape .*expected .* known dimensions'):
            built(name, model, floats(*shape) if shape else tf.placeholder(tf.float32))


@EVERY
def test_without_a_gradient_square_goes_on_and_the_others_refuse(session, name):
    for flatten in (tf.round, tf.stop_gradient, tf.floor):
        model = lambda x: MODEL(flatten(8. * x) / 8.)
        if name == 'square':
            assert np.isfinite(session.run(built(name, model, y=None).x_adv)).all()
        else:
            with pytest.raises(UserError, match='the model has no gradient .* such as square'):
                built(name, model)


@pytest.mark.parametrize('name', TARGETED)
def test_a_target_that_is_no_class(name):
    with pytest.raises(UserError, match='targets has values from 1 to 4; expected 0 to 3'):
        built(name, targets=LABELS * 0 + np.int32([1, 4, 1, 1, 1]))


@pytest.mark.parametrize('name', ['bim', 'deepfool', 'fgsm', 'high_confidence', 'pgd'])
def test_without_the_box_images_are_only_finite(session, name):
    found = built(name, x=3 * IMAGES - 1, y=None, box=False)
    assert np.isfinite(session.run(found.x_adv)).all()
    with pytest.raises(UserError, match='x has values from nan'):
        built(name, x=IMAGES * np.nan, box=False)


@pytest.mark.parametrize('name,wrong', [
    ('high_confidence', {'confidence': 0}), ('high_confidence', {'confidence': np.inf}),
    ('high_confidence', {'confidence': np.float32(-.5)}), ('high_confidence', {'step_size': 0.}),
    ('high_confidence', {'step_size': np.nan}), ('high_confidence', {'ord': 1}),
    ('pgd', {'step_size': -1.}), ('bim', {'max_iter': 2.5}), ('pgd', {'restarts': 0}),
    ('pgd', {'restarts': 2}), ('deepfool', {'max_iter': 'many'}), ('deepfool', {'ord': 3}),
    ('deepfool', {'slots': 1.5}), ('carlini', {'max_iter': -1}), ('carlini', {'confidence': None}),
    ('fgsm', {'epsilon': np.inf}), ('ddn', {'gamma': 'high'}), ('boundary', {'kappa': [1]}),
])
def test_hyper_parameters_out_of_range_are_named(name, wrong):
    (word, _), = wrong.items()
    with pytest.raises(UserError, match=r'\b%s\b.* is .*expected' % word) as raised:
        built(name, **wrong)
    assert '\n' not in str(raised.value)
