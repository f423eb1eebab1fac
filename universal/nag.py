"""NAG, Network for Adversary Generation (Mopuri et al., CVPR 2018): a generator of perturbations
that fool frozen classifiers on any image, and that differ from each other.
"""
from utils.errors import check_choice
from utils.hyperparameters import select
from utils.ops import mask_class, prediction, project_box, select_class, share

import tensorflow.compat.v1 as tf

from models.generator import Generator
from models.layers import flatten
from training.objective import Losses, Update
from training.optimizers import BETA1

BOUND = 8.   # of the gap between classes, beyond which `bounded` leaves an image alone
HELP = {
    'lmbd': 'weight of the diversity loss (lambda)',
    'nag_loss': 'fooling loss: batch_log, mean_log or bounded',
    'nag_feature': 'what the diversity compares: softmax, logits or the name of a layer, such as '
                   'fc1',
    'generator_lr': "learning rate of the generator's Adam",
}


def perturbed(x, delta):
    """x + delta, in the box: [n, h, w, c]. Its gradient is that of x + delta: through the box, a
    delta that darkens black pixels would have none, and never change again.
    """
    moved = x + delta
    return moved + tf.stop_gradient(project_box(moved) - moved)


def escape_gap(logits, classes):
    """-log(1 - q_c), q the softmax of the logits and c the class: [n, k], [n] int32 -> [n], at
    least 0. As a difference of logarithms it is finite where 1 - q_c rounds to 0.
    """
    others = tf.reduce_logsumexp(mask_class(logits, classes), axis=1)
    return tf.nn.softplus(select_class(logits, classes) - others)


def batch_log(gap):
    """-log(1 - mean q_c), the form of the release (eq. 3): the mean is inside the logarithm."""
    return tf.log(tf.cast(tf.size(gap), gap.dtype)) - tf.reduce_logsumexp(-gap)


def bounded(gap):
    """Ours: no image, however sure, has more than a bounded share of the gradient."""
    return tf.reduce_mean(BOUND * tf.nn.softplus(tf.tanh(gap / BOUND)))


FOOLING = {'batch_log': batch_log, 'mean_log': tf.reduce_mean, 'bounded': bounded}


def cosine_distance(a, b):
    """1 - cos(a, b) of each image's features: [n, ...], [n, ...] -> [n]; 0 of equal ones."""
    a, b = (tf.nn.l2_normalize(flatten(v), axis=1, epsilon=1e-24) for v in (a, b))
    return tf.reduce_sum(tf.square(a - b), axis=1) / 2.


def with_feature(model, x, feature):
    """(logits [n, k], feature [n, ...]) of the images."""
    if feature not in ('softmax', 'logits'):
        return model.with_feature(x, feature)
    logits = model(x)
    return logits, tf.nn.softmax(logits) if feature == 'softmax' else logits


def fooling_and_distance(model, x, delta, feature, diverse):
    """(logits [n, k] of x + delta; escape_gap [n]; whether each image is fooled [n]; distance [n]
    between the features of x under its own delta and under that of the image before it).

    The shift of the batch pairs no image with its own delta, of two images or more. Without
    `diverse` the distance is 0, and nothing is computed for it.
    """
    clean = prediction(model(x))
    n = tf.shape(x)[0]
    images = perturbed(x, delta)
    if diverse:
        images = tf.concat([images, perturbed(x, tf.roll(delta, 1, axis=0))], axis=0)
    logits, features = with_feature(model, images, feature)
    logits = logits[:n]
    distance = tf.zeros_like(logits[:, 0])
    if diverse:
        distance = cosine_distance(features[:n], features[n:])
    return logits, escape_gap(logits, clean), tf.not_equal(prediction(logits), clean), distance


def losses(generator, models, x, noise, *, lmbd=1., nag_loss='batch_log', nag_feature='softmax'):
    """The Losses of the generator: L_f + lmbd L_d, summed over the classifiers.

    generator: models.generator.Generator; models: classifiers x -> logits [n, k] that nobody moves;
    x [n, h, w, c] in [0, 1]; noise: utils.noise.Noise of this step. L_f, of `nag_loss`, is about
    the classes that a classifier predicts of x, not the labels; L_d is minus the mean cosine
    distance of `nag_feature`. Its logits are those of x + delta under the first classifier. Raises
    UserError for an unknown loss, and for a feature that a classifier has not.
    """
    fooling = FOOLING[check_choice('--nag_loss', nag_loss, FOOLING)]
    delta = generator.sample(tf.shape(x)[0], noise, 'nag/z')
    found = [fooling_and_distance(model, x, delta, nag_feature, bool(lmbd)) for model in models]
    logits, gaps, fooled, distances = zip(*found)
    loss = tf.add_n([fooling(gap) - lmbd * tf.reduce_mean(distance)
                     for gap, distance in zip(gaps, distances)])
    metrics = {'fooled': share(tf.concat(fooled, axis=0)),
               'distance': tf.reduce_mean(tf.concat(distances, axis=0))}
    return Losses(logits[0], [Update('generator', lambda: loss)], metrics)


def generator_optimizer(*, generator_lr=1e-3):
    """Adam with the release's learning rate, for a generator that plays against a classifier."""
    return tf.train.AdamOptimizer(generator_lr, beta1=BETA1, name='GeneratorAdam')


def build_player(x, seed, hyper):
    """(Generator of perturbations of images like x [n, ...], its optimizer), by `hyper`, the
    hyper-parameters of a defense.
    """
    return (Generator(x.shape.as_list()[1:], seed, **select(Generator, hyper)),
            generator_optimizer(**select(generator_optimizer, hyper)))
