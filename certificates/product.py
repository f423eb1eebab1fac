"""The global certificate: the product of the layers' spectral norms is a Lipschitz constant.

Szegedy et al. (2014), section 4.3, and Hein and Andriushchenko (NIPS 2017), section 2.
"""
from utils.errors import check

import numpy as np

from certificates.layers import DenseMap
from certificates.radius import DOWN, Certified, as_inputs, predictions
from certificates.spectral import convolution_norm, norm

CHUNK = 1000   # images certified at a time


def product(network, x):
    """Certified of images x [n, ...]: min over j of (f_c - f_j) / (‖w_c - w_j‖ Π ‖W_k‖).

    Every activation here has slopes of at most 1, and so has the maximum over windows that do not
    overlap. The box cannot help: a product of norms knows no signs.
    """
    for stage in network.stages:
        check(stage.activation.name != 'lrelu' or abs(stage.activation.scale) <= 1,
              'global takes activations with slopes of at most 1; this one is lrelu with %g',
              stage.activation.scale)
    x = as_inputs(network, x, False)
    predicted, margins = predictions(network.forward(x)[-1])
    weights = network.head.weights.T
    between = np.linalg.norm(weights[predicted][:, None] - weights, axis=2)
    constants = between * np.prod(map_norms(network)) * (1 + 1e-10)
    with np.errstate(divide='ignore', invalid='ignore'):
        radii = np.where(constants > 0, margins / constants, np.where(margins > 0, np.inf, 0.))
    radii[np.arange(len(x)), predicted] = np.inf
    radius = np.maximum(radii.min(axis=1), 0.)
    return Certified(np.minimum(radius, 1e3) * DOWN, radii.argmin(axis=1))


def map_norms(network):
    """Upper bounds of the spectral norms of the hidden maps, computed once a network."""
    if not hasattr(network, 'norms'):
        maps = [stage.map for stage in network.stages]
        network.norms = [norm(linear.weights) if isinstance(linear, DenseMap) else
                         convolution_norm(linear.weights, linear.image, linear.stride)
                         for linear in maps]
    return network.norms


def head_norms(network, rows):
    """The norms [m] of rows over the logits, as rows over the outputs of the last stage."""
    return np.linalg.norm(network.head.backward(rows), axis=1)
