"""Adversarial training with a generator of universal perturbations, which learns in turn with the
classifier (proposed, not released, by Mopuri et al., NAG, CVPR 2018).
"""
from utils.ops import nll

import tensorflow.compat.v1 as tf

from training.objective import Losses, Update
from universal import nag

HELP = {
    'lmbd': 'weight of the loss on images under the perturbations of the generator',
    'nag_loss': nag.HELP['nag_loss'],
    'nag_diversity': "weight of the diversity loss in the generator's",
}


def losses(model, generator, x, y, noise, *, lmbd=1., nag_loss='batch_log', nag_diversity=1.):
    """First the generator fools the classifier as it is (universal.nag), then the classifier
    descends NLL(x) + lmbd NLL(x + delta) with the generator's new delta, a constant.

    model: x -> logits [n, k]; generator: models.generator.Generator; x [n, h, w, c] in [0, 1]; y
    [n] int32; noise: utils.noise.Noise of this step.
    """
    logits = model(x)
    attack = nag.losses(generator, [model], x, noise, lmbd=nag_diversity, nag_loss=nag_loss)

    def classifier_loss():
        delta = tf.stop_gradient(generator.sample(tf.shape(x)[0], noise, 'nag/z'))
        x_adv = nag.perturbed(x, delta)
        return tf.reduce_mean(nll(logits, y)) + lmbd * tf.reduce_mean(nll(model(x_adv), y))

    return Losses(logits, attack.updates + [Update('classifier', classifier_loss)], attack.metrics)
