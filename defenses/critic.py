"""The paper's defense: robust learning with an adversary critic (section 4, equations 4 to 6)."""
import functools

from utils.ops import (
    confidence,
    lp_norm,
    masked_mean,
    nll,
    prediction,
    select_class,
    share,
    squared_norm,
)

import tensorflow.compat.v1 as tf

from critic.losses import bce, gradient_penalty
from training.objective import Losses, Update

HELP = {
    'lmbd': 'weight of the loss that the adversarial images fool the critic (lambda of eq. 5)',
    'lmbd_rec_l1': 'weight of the l1 cycle-consistency loss',
    'lmbd_rec_l2': 'weight of the squared l2 cycle-consistency loss (lambda_rec, eq. 6)',
    'lmbd_grad': "weight of the penalty on the critic's gradient (lambda_grad)",
    'critic_steps': 'updates of the critic for each update of the classifier',
}


def losses(model, attack, critic, x, y, noise, *, lmbd=0.5, lmbd_rec_l1=0., lmbd_rec_l2=0.01,
           lmbd_grad=10., critic_steps=1):
    """The attack is built once; the critic's losses see its images as constants, the classifier's
    differentiates through them.

    model: x -> logits [n, k]; attack: attacks.unrolled.UnrolledAttack; critic: x -> logits [n, k];
    x [n, h, w, c] in [0, 1]; y [n] int32, labels; noise: utils.noise.Noise of this step.
    """
    logits = model(x)
    y_pred = prediction(logits)
    targets = attack.targets(logits, x)
    target_conf, after_step = attack.target_confidence(logits, targets)
    x_hat = attack(x, targets, target_conf, logits)                           # A_f(x; t, C), eq. 7
    x_hat_constant = tf.stop_gradient(x_hat)
    logits_hat = model(x_hat_constant)
    y_hat = prediction(logits_hat)
    changed = tf.not_equal(y_hat, y_pred)

    def critic_loss(i):                                                       # eq. 4
        d_real = select_class(critic(x, noise=noise, call='real%d' % i), y)
        d_adv = select_class(critic(x_hat_constant, noise=noise, call='adv%d' % i), y_hat)
        penalty = gradient_penalty(d_real, x) + gradient_penalty(d_adv, x_hat_constant)
        return tf.reduce_mean(bce(d_real, 1) + bce(d_adv, 0) + lmbd_grad * penalty)

    def classifier_loss():                                                    # eq. 5, eq. 6
        loss = tf.reduce_mean(nll(logits, y))
        d_adv = select_class(critic(x_hat, noise=noise, call='fool'), y_hat)
        loss += lmbd * masked_mean(bce(d_adv, 1), changed)
        if lmbd_rec_l1 or lmbd_rec_l2:
            x_rec = attack(x_hat_constant, y_pred, confidence(logits),
                           logits_hat)   # A_f(A_f(x; y_t); y_s), back to x
            loss += lmbd_rec_l1 * masked_mean(lp_norm(x_rec - x, 1), changed)
            loss += lmbd_rec_l2 * masked_mean(squared_norm(x_rec - x), changed)
        return loss

    metrics = {
        'rho': masked_mean(lp_norm(x_hat - x) / lp_norm(x, epsilon=1e-12), changed),
        'changed': share(changed),
        'conf': tf.reduce_mean(confidence(logits)),
        'conf_target': tf.reduce_mean(target_conf),
        'conf_adv': tf.reduce_mean(confidence(logits_hat)),
    }
    diagnostics = {
        'critic_err_real': share(select_class(critic(x), y) < 0),
        'critic_err_adv': share(select_class(critic(x_hat_constant), y_hat) >= 0),
    }
    updates = [Update('critic', functools.partial(critic_loss, i)) for i in range(critic_steps)]
    updates.append(Update('classifier', classifier_loss))
    return Losses(logits, updates, metrics, diagnostics, after_step)
