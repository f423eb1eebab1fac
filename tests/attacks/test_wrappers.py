"""Images in other bounds, arrays in one call, and attacks in a tf.function on a Keras model and on
a reloaded SavedModel.
"""
from utils.errors import UserError

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import ATTACKS, attack_arrays, boundary, deepfool, fgsm, in_bounds
from tests.known import FEW_STEPS, LinearModel, flat
from tests.running import run_script

WEIGHTS = np.random.RandomState(0).randn(48, 3)
LINEAR = LinearModel(WEIGHTS, -.5 * WEIGHTS.sum(axis=0))
MODEL = flat(LINEAR)
IMAGES = np.float32(np.random.RandomState(1).uniform(.2, .8, (6, 4, 4, 3)))
LABELS = np.int32(LINEAR.logits(IMAGES.reshape(6, 48)).argmax(axis=1))
GIVEN = np.where(np.arange(6) == 2, (LABELS + 1) % 3, LABELS)   # one is wrong to begin with
MEAN, DEVIATION = np.float32([.5, .4, .3]), np.float32([.2, .25, .3])
TF2 = tf.__version__.startswith('2')


BY_CHANNEL = (-MEAN / DEVIATION, (1 - MEAN) / DEVIATION)


@pytest.mark.parametrize('name,low,high', [('pgd', -1., 1.), ('deepfool', 0., 255.)] + [
    (name,) + BY_CHANNEL for name in sorted(set(ATTACKS) - {'eval_robustness'})],
    ids=lambda value: value if isinstance(value, str) else '')
def test_it_is_the_attack_on_the_rescaled_images(session, name, low, high):
    settings = FEW_STEPS.get(name, {})
    low, high = np.float32(low), np.float32(high)
    x = np.clip(np.float32(low + (high - low) * IMAGES), low, high)
    plain = session.run(ATTACKS[name](MODEL, IMAGES, GIVEN, **settings))
    found = session.run(in_bounds(ATTACKS[name], low, high)(
        lambda images: MODEL((images - low) / (high - low)), x, GIVEN, **settings))
    unit = (np.float64(found.x_adv) - low) / (high - low)
    assert np.allclose(unit, plain.x_adv, atol=2e-3) and np.abs(unit - IMAGES).max() > .01
    assert (found.x_adv >= low).all() and (found.x_adv <= high).all()
    assert np.array_equal(found.x_adv[2], x[2]) and found.success.any()
    wrong = LINEAR.logits(unit.reshape(6, 48)).argmax(axis=1) != GIVEN
    assert np.array_equal(found.success, wrong)


def test_images_of_bytes_and_preprocessing(session):
    x = np.uint8(255 * IMAGES)
    seen = lambda images: MODEL(images * DEVIATION + MEAN)
    attack = in_bounds(fgsm, preprocess=lambda images: (images / 255. - MEAN) / DEVIATION)
    found = session.run(attack(seen, x, epsilon=.1))
    assert found.x_adv.dtype == np.float32
    assert np.allclose(np.abs(found.x_adv - x), 25.5, atol=1e-3) and found.success.any()


def test_a_start_is_rescaled_too(session):
    start = 1. - IMAGES
    model = lambda images: MODEL(images / 10.)
    near = session.run(in_bounds(boundary, 0, 10)(model, 10. * IMAGES, LABELS, x_init=10. * start,
                                                  candidates=0))
    plain = session.run(boundary(MODEL, IMAGES, LABELS, x_init=start, candidates=0))
    assert np.allclose(near.x_adv / 10., plain.x_adv, atol=2e-3) and plain.success.any()


def test_the_box_may_be_left_out(session):
    attack = in_bounds(fgsm, -1, 1)
    with pytest.raises(UserError, match='x has values from .*; expected -1 to 1'):
        attack(MODEL, 3 * IMAGES)
    found = session.run(attack(MODEL, 3 * IMAGES, box=False, epsilon=.5))
    assert found.x_adv.max() > 2


@pytest.mark.parametrize('low,high', [(1, 0), (0, 0), (0, np.inf), ([0, 0, 1], [1, 1, 1]),
                                      (np.nan, 1)])
def test_bounds_that_are_no_range(low, high):
    with pytest.raises(UserError, match='low is .* and high .*; expected finite numbers'):
        in_bounds(deepfool, low, high)


def test_arrays_in_one_call(session):
    found = attack_arrays(deepfool, MODEL, IMAGES, GIVEN, overshoot=.05)
    assert isinstance(found.x_adv, np.ndarray) and found.success.dtype == bool
    assert (LINEAR.logits(found.x_adv.reshape(6, 48)).argmax(axis=1) != GIVEN).all()
    same = attack_arrays(in_bounds(deepfool, 0, 1), MODEL, IMAGES, GIVEN, overshoot=.05)
    assert np.allclose(found.x_adv, same.x_adv, atol=1e-5)
    with pytest.raises(UserError, match='x has values from .* to 1.5.*; expected 0 to 1'):
        attack_arrays(deepfool, MODEL, 2 * IMAGES)


def test_what_the_graph_finds_is_an_error_too(session):
    with pytest.raises(UserError, match=r'^x has values from .* to 1\.5\d*; expected 0 to 1$'):
        attack_arrays(deepfool, MODEL, tf.constant(IMAGES) * tf.constant(2.))


START = '''
from utils.errors import UserError
import numpy as np
import tensorflow.compat.v1 as tf
from attacks import *
rng = np.random.RandomState(0)
weights, images = rng.randn(48, 3), np.float32(rng.uniform(.2, .8, (6, 4, 4, 3)))
def logits(x):
    return (np.float64(x) - .5).reshape(len(x), 48) @ weights
def keras_model():
    model = tf.keras.Sequential([tf.keras.layers.Flatten(input_shape=(4, 4, 3)),
                                 tf.keras.layers.Dense(3)])
    model.layers[-1].set_weights([np.float32(weights), np.float32(-.5 * weights.sum(axis=0))])
    return model
few = %r
def check(name, found, x, y):
    unit = np.clip(found.x_adv / x.max() * images.max(), 0, 1)
    wrong = logits(unit).argmax(axis=1) != y
    assert np.array_equal(found.success, wrong) and wrong.sum() > 3, (name, found.success, wrong)
    print(name, 'ok')
few['ensemble'] = {'found': [1 - images]}
''' % FEW_STEPS

EAGER = START + '''
import tempfile
labels = logits(images).argmax(axis=1)
keras = keras_model()
path = tempfile.mkdtemp() + '/saved'
keras.export(path, verbose=False)
reloaded = tf.saved_model.load_v2(path)
served = lambda x: reloaded.signatures['serving_default'](x)['output_0']
for name, attack in ATTACKS.items():
    settings = few.get(name, {})
    try:
        attack(keras, images, labels)
        raise AssertionError(name)
    except UserError as error:
        assert 'wrap the call in tf.function' in str(error), error
    @tf.function
    def attacked(x, y):
        return attack(keras, x, y, **settings)
    found = attacked(tf.constant(images), tf.constant(labels))
    check(name, type(found)(*(part.numpy() for part in found)), images, labels)
    check(name, attack_arrays(attack, reloaded.serve, images, **settings), images, labels)
check('served', attack_arrays(deepfool, served, images, labels), images, labels)
found = attack_arrays(in_bounds(deepfool), lambda x: keras(x / 255.), 255 * images, labels)
check('in_bounds', found, 255 * images, labels)
try:
    attack_arrays(deepfool, keras, 2 * images)
except UserError as error:
    print(error)
'''

GRAPH = START + '''
labels = logits(images).argmax(axis=1)
keras = keras_model()
for name, attack in ATTACKS.items():
    check(name, attack_arrays(attack, keras, images, **few.get(name, {})), images, labels)
'''


@pytest.mark.slow
@pytest.mark.skipif(not TF2, reason='tf.function and Keras 3 are of TensorFlow 2')
def test_in_a_tf_function_on_a_keras_model_and_on_a_reloaded_saved_model():
    status, out, err = run_script('-c', EAGER)
    assert status == 0, err
    assert out.count(' ok') == 2 * len(ATTACKS) + 2
    assert 'x has values from ' in out


@pytest.mark.slow
@pytest.mark.skipif(TF2, reason='Keras has a session under TensorFlow 1 alone')
def test_a_keras_model_of_tensorflow_1_in_one_call():
    status, out, err = run_script('-c', GRAPH)
    assert status == 0, err
    assert out.count(' ok') == len(ATTACKS)


def test_without_a_session_the_error_says_so():
    code = START + '''
tf.disable_v2_behavior()
vars(tf).pop('keras', None) or setattr(tf, 'keras', None)
attack_arrays(deepfool, lambda x: x, images)
'''
    if not TF2:
        pytest.skip('Keras has a session')
    status, _, err = run_script('-c', code)
    assert status == 1 and 'session is None and none is open; expected the tf.Session' in err
