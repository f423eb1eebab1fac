"""The baselines of Table 1 against closed forms and float64 references."""
import types

from utils.errors import UserError
from utils.noise import Noise

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import defenses
from attacks.pgd import pgd_images
from defenses import fgsm_at, margin, pgd_at, vat


class TrainableLinear(object):
    """logits = x W + b with W a tensor that gradients can be taken of; the same in float64."""

    def __init__(self, linear):
        self.reference = linear
        self.weights = tf.constant(linear.weights, tf.float32)

    def __call__(self, x):
        return tf.matmul(x, self.weights) + tf.constant(self.reference.bias, tf.float32)


@pytest.fixture
def problem(linear):
    model, images, labels = linear
    return TrainableLinear(model), tf.constant(images), tf.constant(labels), images, labels


def mean_nll(reference, x, y):
    return -np.log(reference.softmax(x)[np.arange(len(x)), y]).mean()


@pytest.mark.parametrize('epsilon,cut_off', [(0.1, False), (0.5, False), (0.5, True)])
def test_fgsm_at_adds_the_loss_at_epsilon_times_the_sign(session, problem, epsilon, cut_off):
    model, x, y, images, labels = problem
    labels = (labels + np.arange(len(labels)) % 2) % 3   # some of them wrong
    built = fgsm_at.losses(model, x, tf.constant(labels), lmbd=0.7, epsilon=epsilon,
                           cut_off=cut_off)
    reference = model.reference
    gradient = (reference.softmax(images) - np.eye(3)[labels]) @ reference.weights.T
    moved = np.float64(images) + epsilon * np.sign(gradient)
    moved = np.clip(moved, 0, 1) if cut_off else moved
    expected = mean_nll(reference, images, labels) + 0.7 * mean_nll(reference, moved, labels)
    assert session.run(built.updates[0].loss()) == pytest.approx(expected, rel=1e-5)


def test_fgsm_ats_perturbation_carries_no_gradient(session, problem):
    """The weights' gradient is that of NLL(x) + NLL(x + r) with r fixed: p - onehot times the
    images.
    """
    model, x, y, images, labels = problem
    slope = session.run(
        tf.gradients(fgsm_at.losses(model, x, y, lmbd=1., epsilon=0.1).updates[0].loss(),
                     model.weights)[0])
    reference, n = model.reference, len(images)
    error = reference.softmax(images) - np.eye(3)[labels]
    moved = images + 0.1 * np.sign(error @ reference.weights.T)
    expected = (images.T @ error + moved.T @ (reference.softmax(moved) - np.eye(3)[labels])) / n
    assert np.allclose(slope, expected, atol=1e-5)


def kl_hessian(reference, x):
    """The Hessian of KL(p(x) || p(x + r)) at r = 0 for a linear model: W (diag p - p p') W', in
    float64.
    """
    p = reference.softmax(x[None])[0]
    return reference.weights @ (np.diag(p) - np.outer(p, p)) @ reference.weights.T


@pytest.mark.parametrize('iterations,plain', [(1, False), (30, False), (1, True)])
def test_vats_direction_is_the_dominant_eigenvector_of_the_kl_hessian(session, linear, binary,
                                                                      iterations, plain):
    """With two classes the Hessian has rank one and a single power iteration finds it; with three
    it takes more.
    """
    model, images, _ = binary if iterations == 1 else linear
    x = tf.constant(images)
    d = session.run(
        vat.virtual_adversarial_direction(model, model(x), x, Noise(1), 1e-2, iterations, plain))
    assert np.allclose(np.linalg.norm(d, axis=1), 1, atol=1e-5)
    for image, direction in zip(images, d):
        values, vectors = np.linalg.eigh(kl_hessian(model, np.float64(image)))
        assert abs(direction @ vectors[:, -1]) > 0.99


def test_vats_direction_on_saturated_predictions_agrees_with_float64(session):
    """Where p is one-hot to seven digits the difference of softmaxes is noise, which `plain`
    follows; softmax_change is not.
    """
    rng = np.random.RandomState(0)
    w0, w1 = rng.randn(30, 50) / 5, rng.randn(50, 4)
    images = np.float32(rng.uniform(size=(40, 30)))

    def model(x):
        return tf.matmul(tf.nn.softplus(tf.matmul(x, np.float32(w0))), np.float32(w1)) * 4.
    x = tf.constant(images)
    directions = [
        vat.virtual_adversarial_direction(model, model(x), x, Noise(1), 1e-2, plain=plain)
        for plain in (False, True)
    ]
    exact, plain, p = session.run(directions + [tf.nn.softmax(model(x))])
    assert (p.max(axis=1) > 1 - 1e-6).mean() > 0.3

    def jacobian(image):
        h = image @ w0
        return 4 * (w1.T * (1 / (1 + np.exp(-h)))) @ w0.T
    start = session.run(Noise(1).normal([40, 30], 1., 'vat/direction'))
    agreement = []
    for image, found, noisy, first in zip(np.float64(images), exact, plain, np.float64(start)):
        z = np.log1p(np.exp(image @ w0)) @ w1 * 4
        log_p = z - z.max() - np.log(np.exp(z - z.max()).sum())
        u = jacobian(image) @ first
        u -= u[log_p.argmax()]
        product = jacobian(image).T @ (np.exp(log_p) * (u - (np.exp(log_p) * u).sum()))
        agreement.append(np.array([found, noisy]) @ product / np.linalg.norm(product))
    exact_share, plain_share = np.mean(np.array(agreement) > 0.99, axis=0)
    assert exact_share > 0.9 and plain_share < 0.8


def test_softmax_change_is_the_difference_and_exact_where_both_are_one_hot(session):
    a, b = np.float64([[1., 2., 0.]]), np.float64([[1.3, 1.5, 0.2]])
    softmax = lambda z: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    change = session.run(vat.softmax_change(tf.constant(np.float32(a)), tf.constant(np.float32(b))))
    assert np.allclose(change, softmax(b) - softmax(a), atol=1e-6)
    change = session.run(vat.softmax_change(tf.constant([[30., 0.]]), tf.constant([[30., 0.001]])))
    expected = np.exp(-30.) * np.expm1(0.001)
    assert np.allclose(change, [[-expected, expected]], rtol=1e-3, atol=0)


@pytest.mark.parametrize('epsilon,cut_off', [(0.3, False), (2., False), (2., True)])
def test_vat_loss_is_nll_plus_kl_at_norm_epsilon(session, binary, epsilon, cut_off):
    reference, images, labels = binary
    model, x = TrainableLinear(reference), tf.constant(images)
    built = vat.losses(model, x, tf.constant(labels), Noise(1), lmbd=0.5, epsilon=epsilon,
                       cut_off=cut_off)
    w = np.diff(reference.weights, axis=1)[:, 0]
    d = session.run(vat.virtual_adversarial_direction(model, model(x), x, Noise(1), 1e-2))
    assert np.allclose(np.abs(d @ w / np.linalg.norm(w)), 1, atol=1e-3)
    moved = images + epsilon * np.float64(d)
    assert moved.min() < 0 or epsilon == 0.3
    moved = np.clip(moved, 0, 1) if cut_off else moved
    p, q = reference.softmax(images), reference.softmax(moved)
    expected = mean_nll(reference, images, labels) + 0.5 * (p * np.log(p / q)).sum(axis=1).mean()
    assert session.run(built.updates[0].loss()) == pytest.approx(expected, rel=1e-4)


def test_margin_loss_on_a_linear_classifier_is_the_closed_form(session, problem):
    model, x, y, images, labels = problem
    reference, rows = model.reference, np.arange(len(images))
    logits = reference.logits(images)
    others = np.where(np.eye(3)[labels] > 0, -np.inf, logits)
    hinge = np.maximum(0, 1 + others.max(axis=1) - logits[rows, labels])
    differences = reference.weights.T[None] - reference.weights.T[labels][:, None]
    slope = (differences ** 2).sum(axis=2).max(axis=1)
    built = margin.losses(model, x, y, lmbd=0.3)
    assert session.run(built.updates[0].loss()) == pytest.approx(hinge.mean() + 0.3 * slope.mean(),
                                                            rel=1e-5)


def test_margins_gradient_is_of_second_order(session, problem):
    """The penalty's gradient with respect to W is 2 (w_y - w_j) on the columns y and -j: it comes
    through grad f alone.
    """
    model, x, y, images, labels = problem
    penalty = margin.losses(model, x, y, lmbd=1.).updates[0].loss() - margin.losses(
        model, x, y, lmbd=0.).updates[0].loss()
    slope = session.run(tf.gradients(penalty, model.weights)[0])
    weights, expected = model.reference.weights, np.zeros((5, 3))
    for label in labels:
        differences = weights[:, [label]] - weights
        rival = (differences ** 2).sum(axis=0).argmax()
        expected[:, label] += 2 * differences[:, rival] / len(labels)
        expected[:, rival] -= 2 * differences[:, rival] / len(labels)
    assert np.abs(expected).max() > 0.1 and np.allclose(slope, expected, atol=1e-5)


@pytest.mark.parametrize('ord', ['l2', 'linf'])
def test_pgd_at_is_the_loss_on_pgds_images_which_stay_in_ball_and_box(session, problem, ord):
    model, x, y, images, labels = problem
    settings = dict(epsilon=0.2, step_size=0.05, max_iter=7, ord={'l2': 2, 'linf': np.inf}[ord])
    x_adv = session.run(pgd_images(model, x, y, noise=Noise(4), **settings))
    r = np.float64(x_adv) - images
    assert (np.linalg.norm(r, settings['ord'], axis=1)
            <= 0.2 + 1e-6).all() and x_adv.min() >= 0 and x_adv.max() <= 1
    built = pgd_at.losses(model, x, y, Noise(4), epsilon=0.2, pgd_ord=ord, pgd_iter=7,
                          pgd_step_size=0.05)
    loss = built.updates[0].loss()
    assert session.run(loss) == pytest.approx(mean_nll(model.reference, x_adv, labels), rel=1e-5)
    assert session.run(loss) > mean_nll(model.reference, images, labels)
    slope = session.run(tf.gradients(loss, model.weights)[0])
    expected = np.float64(x_adv).T @ (model.reference.softmax(x_adv) -
                                      np.eye(3)[labels]) / len(images)
    assert np.allclose(slope, expected, atol=1e-5)   # the images are a constant


def test_bad_pgd_at(problem):
    model, x, y, _, _ = problem
    for settings, message in (({'pgd_ord': 'l1'}, "--pgd_ord is 'l1'"), ({'pgd_iter': 0},
                                                                         '--pgd_iter is 0')):
        with pytest.raises(UserError, match=message):
            pgd_at.losses(model, x, y, Noise(1), **settings)


def test_a_sixth_defense_is_a_module_and_a_registry_line(monkeypatch):
    def losses(model, x, y, *, strength=2.):
        return None

    sixth = types.SimpleNamespace(losses=losses,
                                  HELP={'strength': 'how strong the sixth defense is'})
    monkeypatch.setitem(defenses.DEFENSES, 'sixth', sixth)
    assert defenses.resolve('sixth', {}) == {'strength': 2.}
    with pytest.raises(
            UserError,
            match='--epsilon is not a hyper-parameter of the defense sixth; it takes strength'):
        defenses.resolve('sixth', {'epsilon': 1.})


def test_hyperparameters_that_a_defense_does_not_take_are_errors():
    with pytest.raises(UserError, match='--lmbd is not a hyper-parameter of the defense none'):
        defenses.resolve('none', {'lmbd': 1.})
    with pytest.raises(
            UserError,
            match='--lmdb is not a hyper-parameter of the defense critic; it takes attack_backprop'
    ):
        defenses.resolve('critic', {'lmdb': 1.})
    with pytest.raises(UserError, match="--defense is 'critics'; expected one of"):
        defenses.resolve('critics', {})


def test_every_hyperparameter_has_a_help_text():
    for name in defenses.DEFENSES:
        for key, taker in defenses.takers_of(name).items():
            assert len(taker.text) > 10, (name, key)
