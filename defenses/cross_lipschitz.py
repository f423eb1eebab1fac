"""Cross-Lipschitz regularisation (Hein & Andriushchenko, NIPS 2017, section 3): training that keeps
the gradients of the logits close to each other.

Omega = 1 / (n K^2) sum_i sum_{l, m} ||grad f_l(x_i) - grad f_m(x_i)||_2^2                  (eq. 6)
      = 2 / (n K) sum_i ||P J_i||_F^2,  P = I - 1 1^T / K,  J_i [K, d] the Jacobian at x_i.
"""
from utils.errors import check, check_choice
from utils.ops import nll, per_image, squared_norm

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.jacobian import jacobian
from attacks.targets import lead_over_rival
from models import Training
from models.layers import flatten
from training.objective import Losses, Update

HELP = {
    'lmbd': 'weight of Omega (lambda of eq. 7)',
    'cl_form': 'how Omega is computed. projection: estimated without bias from one backward pass; '
               'rows, analytic: exact, for one hidden layer; jacobian: exact, a pass a class; '
               'margin: not Omega but the squared gradient of the margin over the margin',
    'cl_floor': 'of cl_form=margin: a smaller margin counts as this',
    'cl_power': 'of cl_form=margin: of the margin that is divided by, 1 or 2',
}


def projection(model, logits, x, noise):
    """Omega from one draw: 2 / (n K) sum_i ||grad_x <e, f(x_i)>||^2, e uniform on the sphere of
    radius sqrt(K - 1) among the vectors whose entries add up to 0, so that E e e^T = P.
    """
    k = int(logits.shape[1])
    drawn = noise.normal(tf.shape(logits), 1., 'cross_lipschitz/projection')
    drawn -= tf.reduce_mean(drawn, axis=1, keepdims=True)
    length = tf.sqrt((k - 1) / tf.maximum(squared_norm(drawn), 1e-12))
    gradient = tf.gradients(logits, x, grad_ys=tf.cast(per_image(length, drawn) * drawn,
                                                       logits.dtype))[0]
    return 2. / k * tf.reduce_mean(squared_norm(gradient))


def from_jacobian(model, logits, x, noise):
    """Omega from the whole Jacobian."""
    k = int(logits.shape[1])
    jac = jacobian(logits, x)
    return 2. / k * tf.reduce_mean(squared_norm(jac - tf.reduce_mean(jac, axis=1, keepdims=True)))


def one_hidden(model, x):
    """(U [d, h], W [h, k], s'(z) [n, h]) of a network f = W^T s(U^T x + b) + b'.

    Raises UserError for a network with other than one hidden dense layer.
    """
    matrices = [v for v in model.variables if v.shape.ndims > 1]
    check(len(matrices) == 2 and all(v.shape.ndims == 2 for v in matrices), '--cl_form is rows or '
          'analytic; they take networks with one hidden dense layer, such as mlp1')
    u, w = matrices
    z = tf.matmul(flatten(x), u)
    for bias in [v for v in model.variables if v.shape.ndims == 1][:1]:
        z += bias
    return u, w, tf.gradients(model.activation(z), z)[0]


def rows(model, logits, x, noise):
    """Omega of one hidden layer: J in an orthonormal basis of the vectors whose entries add up to
    0, which has K - 1 rows an image.
    """
    u, w, slopes = one_hidden(model, x)
    k, units = int(w.shape[1]), int(w.shape[0])
    basis = np.linalg.qr(np.eye(k)[:, 1:] - 1. / k)[0]
    heads = tf.transpose(tf.matmul(w, tf.constant(basis, w.dtype)))
    scaled = tf.expand_dims(slopes, 1) * heads
    gradients = tf.matmul(tf.reshape(scaled, [-1, units]), u, transpose_b=True)
    return 2. / k * (k - 1) * tf.reduce_mean(squared_norm(gradients))


def analytic(model, logits, x, noise):
    """Omega of one hidden layer in closed form: 2 / (n K^2) sum_{r, s} [K W W^T - W 1 (W 1)^T]_{rs}
    (S^T S)_{rs} (U^T U)_{rs}, S [n, h] the slopes of the units.
    """
    u, w, slopes = one_hidden(model, x)
    k = int(w.shape[1])
    total = tf.reduce_sum(w, axis=1, keepdims=True)
    between = k * tf.matmul(w, w, transpose_b=True) - tf.matmul(total, total, transpose_b=True)
    together = tf.matmul(slopes, slopes, transpose_a=True) / tf.cast(tf.shape(x)[0], w.dtype)
    return 2. / k ** 2 * tf.reduce_sum(between * together * tf.matmul(u, u, transpose_a=True))


FORMS = {'projection': projection, 'rows': rows, 'jacobian': from_jacobian, 'analytic': analytic}


def over_margin(logits, x, y, floor, power):
    """The mean of ||grad (f_y - f_j)||_2^2 / max(f_y - f_j, floor)^power, j the strongest other
    class, a constant; with power 2 and no floor it is 1 over the squared linear distance.
    """
    margin = lead_over_rival(logits, y)
    gradient = tf.gradients(margin, x)[0]
    return tf.reduce_mean(squared_norm(gradient) / tf.maximum(margin, floor) ** power)


def losses(model, x, y, noise, *, lmbd=1e-3, cl_form='projection', cl_floor=.1, cl_power=1):
    """NLL + lmbd Omega (eq. 7); model: x -> logits [n, k], y [n] int32.

    Omega sees the network as it is tested, without dropout and with frozen statistics, so that the
    gradient of an image is its own. Raises UserError for a form that is unknown or not for this
    network, and for a floor or a power that is not one.
    """
    check_choice('--cl_form', cl_form, tuple(FORMS) + ('margin',))
    check(cl_floor > 0, '--cl_floor is %s; expected a number above 0', cl_floor)
    check(cl_power in (1, 2), '--cl_power is %s; expected 1 or 2', cl_power)
    logits = model(x)
    if cl_form == 'margin':
        omega = over_margin(logits, x, y, cl_floor, cl_power)
    else:
        omega = FORMS[cl_form](model, logits, x, noise)

    def classifier_loss():
        trained = model.trained(x, logits, Training(noise))
        return tf.reduce_mean(nll(trained, y)) + lmbd * omega
    return Losses(logits, [Update('classifier', classifier_loss)], {'omega': omega})
