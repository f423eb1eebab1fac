"""Universal perturbations that cost little, for a table of NAG to be honest: directions that depend
on no classifier, means of gradients, and UAP (Moosavi-Dezfooli et al., CVPR 2017).

Adding a baseline: a function (Directions, xi, ord, random) -> deltas [m, h, w, c] and a line in
BASELINES.
"""
import collections

from utils.ops import (
    mask_class,
    norm,
    per_image,
    prediction,
    project_ball,
    select_class,
    steepest,
)

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.deepfool import deepfool
from datasets import batches
from universal.nag import perturbed

RANDOM = 100        # random perturbations
UAP_IMAGES = 200    # training images that UAP goes through,
UAP_PASSES = 2      # so many times,
UAP_STEPS = 10      # with so many steps of DeepFool at most

Directions = collections.namedtuple('Directions', 'signs gradients count uap')
Directions.__doc__ = """What is known of a classifier's training images, by predicted class: signs,
gradients [k, h, w, c], sums of the direction of FGSM and of the gradient of the NLL; count [k], the
images; uap: () -> [h, w, c], UAP's perturbation."""


def towards(directions, xi, ord):
    """Perturbations of norm xi along directions [m, h, w, c]: xi sign(d), or xi d / ||d||_2."""
    if norm(ord) == np.inf:
        return np.float32(xi * np.sign(directions))
    flat = directions.reshape(len(directions), -1)
    size = np.linalg.norm(flat, axis=1).reshape(-1, 1, 1, 1)
    return np.float32(xi * directions / np.where(size > 0, size, 1.))


def random_sign(known, xi, ord, random):
    """RANDOM perturbations with each pixel up or down."""
    shape = (RANDOM,) + known.signs.shape[1:]
    return towards(np.where(random.uniform(size=shape) < 0.5, -1., 1.), xi, ord)


def brighter(known, xi, ord, unused_random):
    """Every pixel up by as much."""
    return towards(np.ones_like(known.signs[:1]), xi, ord)


def mean_fgsm(known, xi, ord, unused_random):
    """The sign of the mean of FGSM's signs: every image counts, also one whose gradient is tiny."""
    return towards(known.signs.sum(axis=0, keepdims=True), xi, ord)


def mean_gradient(known, xi, ord, unused_random):
    """The sign of the mean gradient, which the images close to a boundary own."""
    return towards(known.gradients.sum(axis=0, keepdims=True), xi, ord)


def class_mean_fgsm(known, xi, ord, unused_random):
    """mean_fgsm over the images of one class: a perturbation for each class that is predicted."""
    return towards(known.signs[known.count > 0], xi, ord)


def uap(known, xi, ord, unused_random):
    """One perturbation, see universal_perturbation."""
    return known.uap()[np.newaxis]


BASELINES = {
    'random_sign': random_sign,
    'brighter': brighter,
    'mean_fgsm': mean_fgsm,
    'mean_gradient': mean_gradient,
    'class_mean_fgsm': class_mean_fgsm,
    'uap': uap,
}


def universal_perturbation(model, x, xi, ord, *, passes=UAP_PASSES, max_iter=UAP_STEPS):
    """UAP: delta [h, w, c] of norm at most xi, by going through the images x [n, h, w, c].

    Where x_i + delta is still in the class of x_i, DeepFool's step from there is added, and delta
    projected to the ball. Clipped to the box, as everywhere here.
    """
    n = int(x.shape[0])

    def visit(i, delta):
        image = x[i % n:i % n + 1]
        clean = prediction(model(image))
        moved = perturbed(image, delta)
        found = deepfool(model, moved, clean, 1, max_iter=max_iter, clip=0.)
        delta += tf.reshape(found.x_adv - moved, tf.shape(delta))
        return i + 1, project_ball(delta, xi, norm(ord))

    start = (tf.constant(0), tf.zeros([1] + x.shape.as_list()[1:]))
    _, delta = tf.while_loop(lambda i, unused: i < passes * n, visit, start, parallel_iterations=1)
    return delta[0]


def directions(session, model, x, split, num_classes, xi, ord, batch_size=100):
    """The Directions of the images of a Split; x is a placeholder [n, h, w, c]."""
    logits = model(x)
    pred = prediction(logits)
    of_class = tf.one_hot(pred, num_classes)
    # NLL = softplus(behind): its gradient's sign is that of behind's, which never rounds to 0
    behind = tf.reduce_logsumexp(mask_class(logits, pred), axis=1) - select_class(logits, pred)
    slope = tf.gradients(behind, x)[0]
    gradient = slope * per_image(tf.exp(-tf.nn.softplus(-behind)), x)   # tf.sigmoid rounds to 0
    sums = [tf.tensordot(of_class, value, [[0], [0]])
            for value in (steepest(slope, norm(ord)), gradient)]
    sums.append(tf.reduce_sum(of_class, axis=0))
    total = [0., 0., 0.]
    for images, _ in batches(split, batch_size):
        values = session.run(sums, {x: images})
        total = [old + np.float64(new) for old, new in zip(total, values)]
    images = tf.constant(split.images(slice(UAP_IMAGES)))
    return Directions(*total, uap=lambda: session.run(
        universal_perturbation(model, images, xi, ord)))
