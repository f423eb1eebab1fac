"""The attack A_f as it makes adversarial images in training (section 4, eq. 7): target rule,
confidence, unrolled steps, differentiable with respect to the weights of the model.
"""
from utils.errors import check, check_choice
from utils.ops import confidence, norm, per_image, prediction

import tensorflow.compat.v1 as tf

from attacks.high_confidence import adaptive_step, parse_confidence
from attacks.targets import closest_targets, sampled_targets, smoothed_targets

CONFIDENCE_DECAY = 0.5   # of the running mean, as published
CONFIDENCES = ('class_running_mean', 'same')
BACKPROP = ('per_step', 'full')

HELP = {
    'attack_iter': 'steps of the training attack A_f (N_max)',
    'attack_overshoot': 'x_adv = x + (1 + overshoot) r',
    'attack_confidence': 'confidence C that the attack aims at: class_running_mean, same, or a '
                         'number in (0, 1]',
    'attack_random': 'draw the target from the softmax with the predicted class masked, not the '
                     'class with the closest boundary',
    'attack_uniform': 'draw the target uniformly from the other classes',
    'attack_label_smoothing': 'probability that the target is replaced by one of the other classes',
    'attack_ord': 'norm of the training attack: l2 or linf',
    'attack_backprop': 'per_step: each step starts from a constant, as published; full: the '
                       'gradient follows the trajectory',
}


def straight_through_indicator(margin):
    """I(margin > 0): forward exactly 0 or 1, backward the gradient of sigmoid(margin) (section 4,
    [34]); [n] -> [n].
    """
    soft = tf.sigmoid(margin)
    return tf.cast(margin > 0, margin.dtype) + (soft - tf.stop_gradient(soft))


def generate(model, x, targets, confidence, *, max_iter=5, overshoot=0.05, ord=2,
             backprop='per_step', logits=None):
    """A_f(x; t, C) unrolled for training: x_adv [n, ...], differentiable with respect to the
    weights of the model.

    x is a constant; targets [n] int32; confidence C [n], in (0, 1]; `logits`, where they are known,
    are the model's on x, which saves the first forward pass. An image that has reached C takes no
    further step. With backprop='per_step' each x_hat is a constant, with 'full' the gradient
    follows the whole trajectory.
    """
    check_choice('backprop', backprop, BACKPROP)
    ord = norm(ord)
    r = tf.zeros_like(x)
    running = 1.
    for i in range(max_iter):
        x_hat = x + (1 + overshoot) * r if i else x
        if i and backprop == 'per_step':
            x_hat = tf.stop_gradient(x_hat)
        _, log_p_t, r_i = adaptive_step(model, x_hat, targets, confidence, ord,
                                        None if i else logits)
        running *= straight_through_indicator(confidence - tf.exp(log_p_t))
        r += per_image(running, r_i) * r_i
    return x + (1 + overshoot) * r


class RunningConfidence(object):
    """Mean confidence of the images predicted as each class, an exponential moving average (section
    4).

    A class that is absent from a batch keeps its value; every class starts at 1. No gradient
    passes.
    """

    def __init__(self, logits):
        self._k = int(logits.shape[1])
        self._logits = logits
        self._mean = tf.get_variable('class_confidence', shape=[self._k],
                                     initializer=tf.ones_initializer(), trainable=False,
                                     use_resource=True)

    def __call__(self, targets):
        """C of each target: [n] int32 -> [n]."""
        return tf.stop_gradient(tf.gather(self._mean.read_value(), targets))

    def update(self):
        """The op that moves the average by this batch: run it once a training step."""
        y_pred = prediction(self._logits)
        count = tf.unsorted_segment_sum(tf.ones_like(y_pred, tf.float32), y_pred, self._k)
        total = tf.unsorted_segment_sum(confidence(self._logits), y_pred, self._k)
        mean = self._mean.read_value()
        batch_mean = tf.where(count > 0, total / tf.maximum(count, 1.), mean)
        return self._mean.assign(CONFIDENCE_DECAY * mean + (1. - CONFIDENCE_DECAY) * batch_mean,
                                 name='class_confidence/update')


class UnrolledAttack(object):
    """A_f: attack(x, targets, C) -> x_adv [n, ...], differentiable with respect to the weights of
    the model.

    `model` is a callable x -> logits; `noise` a utils.noise.Noise for the sampled targets. Raises
    UserError for a hyper-parameter out of range.
    """

    def __init__(self, model, noise, *, attack_iter=5, attack_overshoot=0.05,
                 attack_confidence='class_running_mean', attack_random=False, attack_uniform=False,
                 attack_label_smoothing=0., attack_ord='l2', attack_backprop='per_step'):
        check(attack_iter >= 1, '--attack_iter is %s; expected at least 1', attack_iter)
        check(attack_label_smoothing < 1,
              '--attack_label_smoothing is %s; expected a number in [0, 1)', attack_label_smoothing)
        self._model, self._noise = model, noise
        self._ord = norm(attack_ord, '--attack_ord')
        check_choice('--attack_backprop', attack_backprop, BACKPROP)
        self._settings = dict(max_iter=attack_iter, overshoot=attack_overshoot, ord=self._ord,
                              backprop=attack_backprop)
        self._random = attack_random
        self._uniform = attack_uniform
        self._smoothing = attack_label_smoothing
        self._confidence = parse_confidence(attack_confidence, CONFIDENCES)

    def __call__(self, x, targets, confidence, logits=None):
        """A_f(x; t, C): [n, ...], [n] int32, [n] -> [n, ...]; `logits`, where they are known, are
        the model's on x.
        """
        return generate(self._model, x, targets, confidence, logits=logits, **self._settings)

    def targets(self, logits, x):
        """The target t of each image, never its predicted class: [n] int32."""
        y = prediction(logits)
        if self._random or self._uniform:
            targets = sampled_targets(logits, y, self._noise, self._uniform)
        else:
            targets = closest_targets(logits, x, y, self._ord)
        if self._smoothing:
            targets = smoothed_targets(targets, y, int(logits.shape[1]), self._smoothing,
                                       self._noise)
        return tf.stop_gradient(targets)

    def target_confidence(self, logits, targets):
        """The confidence C [n] to reach, and a list of functions that build the ops to run after
        each training step.
        """
        if self._confidence == 'class_running_mean':
            running = RunningConfidence(logits)
            return running(targets), [running.update]
        if self._confidence == 'same':
            return confidence(logits), []
        return tf.fill(tf.shape(targets), self._confidence), []
