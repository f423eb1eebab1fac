"""Virtual adversarial training ([16], Miyato et al., ICLR 2015): section 2 and the VAT rows of
Table 1.
"""
from utils.errors import check
from utils.ops import nll, prediction, project_box, select_class, steepest

import tensorflow.compat.v1 as tf

from training.objective import classifier_alone

HELP = {
    'lmbd': 'weight of the divergence between the predictions on x and on x + r_vadv',
    'epsilon': 'l2 norm of the virtual adversarial perturbation r_vadv',
    'vat_xi': 'length of the step of the power iteration; [16] has 1e-6, which float32 cannot '
              'resolve',
    'vat_iter': 'power iterations',
    'vat_plain': 'differentiate the divergence as it stands, as the published code for [16] does, '
                 'with what float32 leaves of it',
    'cut_off': 'bring x + r_vadv back into [0, 1]',
}


def kl_divergence(p_logits, q_logits):
    """KL(p || q) of two softmax distributions, p a constant: [n, k], [n, k] -> [n]."""
    p = tf.stop_gradient(tf.nn.softmax(p_logits))
    log_p = tf.stop_gradient(tf.nn.log_softmax(p_logits))
    return tf.reduce_sum(p * (log_p - tf.nn.log_softmax(q_logits)), axis=1)


def softmax_change(p_logits, q_logits):
    """softmax(q_logits) - softmax(p_logits), [n, k], exact to float32 even where both are nearly
    one-hot.

    It is the gradient of KL(p || q) with respect to q_logits. Subtracting the softmaxes would lose
    the whole of it there.
    """
    p = tf.nn.softmax(p_logits)
    delta = q_logits - p_logits
    delta -= tf.expand_dims(select_class(delta, prediction(p_logits)),
                            1)   # the largest p moves by the sum of the small ones
    return p * tf.math.expm1(
        delta - tf.math.log1p(tf.reduce_sum(p * tf.math.expm1(delta), axis=1, keepdims=True)))


def divergence_gradient(logits, logits_d, x_d, plain=False):
    """The gradient [n, ...] of KL(p(x) || p(x_d)) with respect to x_d; `plain`: by differentiating
    the divergence as it stands.
    """
    if plain:
        return tf.gradients(kl_divergence(logits, logits_d), x_d)[0]
    return tf.gradients(logits_d, x_d, grad_ys=softmax_change(logits, logits_d))[0]


def virtual_adversarial_direction(model, logits, x, noise, xi, iterations=1, plain=False):
    """The unit direction in which KL(p(x) || p(x + r)) grows fastest: the dominant eigenvector of
    its Hessian at r = 0.

    By power iteration from a random direction, the product with the Hessian being the gradient at
    xi d over xi. A constant, [n, ...].
    """
    d = steepest(noise.normal(tf.shape(x), 1., 'vat/direction'))
    for _ in range(iterations):
        x_d = x + xi * d
        d = tf.stop_gradient(steepest(divergence_gradient(logits, model(x_d), x_d, plain)))
    return d


def losses(model, x, y, noise, *, lmbd=1., epsilon=2., vat_xi=1e-2, vat_iter=1, vat_plain=False,
           cut_off=False):
    """NLL + lmbd KL(p(x) || p(x + r_vadv)), p(x) and r_vadv constants; `cut_off`: x + r_vadv
    is brought back into [0, 1]. model: x -> logits [n, k], y [n] int32.
    """
    check(vat_xi > 0, '--vat_xi is %s; expected a number above 0', vat_xi)
    logits = model(x)
    x_adv = x + epsilon * virtual_adversarial_direction(model, logits, x, noise, vat_xi, vat_iter,
                                                        vat_plain)
    x_adv = project_box(x_adv) if cut_off else x_adv

    def classifier_loss():
        lds = tf.reduce_mean(kl_divergence(logits, model(x_adv)))
        return tf.reduce_mean(nll(logits, y)) + lmbd * lds
    return classifier_alone(logits, classifier_loss)
