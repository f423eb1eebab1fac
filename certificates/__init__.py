"""Certified l2 radii, in NumPy: no TensorFlow here. Each certificate is certify(network, x, *,
settings) -> Certified(radius, runner_up).

network: a certificates.Network, made of a list of layers or of plain weights; x [n, ...] images.
Adding one: a file with its function and a line in CERTIFICATES. What a name ending in _box
certifies holds for perturbations that stay in [0, 1].
"""
import functools

from certificates.crown import crown
from certificates.layers import RELU, Activation, Convolution, Dense, MaxPool
from certificates.local_lip import local_lip
from certificates.network import Network
from certificates.one_hidden import one_hidden
from certificates.product import product
from certificates.radius import Certified

__all__ = ['CERTIFICATES', 'RELU', 'Activation', 'Certified', 'Convolution', 'Dense', 'MaxPool',
           'Network', 'certify']

CERTIFICATES = {
    'global': product,
    'one_hidden': one_hidden,
    'one_hidden_box': functools.partial(one_hidden, box=True),
    'one_hidden_point': functools.partial(one_hidden, integral=False),
    'crown': crown,
    'crown_box': functools.partial(crown, box=True),
    'local_lip': local_lip,
    'local_lip_box': functools.partial(local_lip, box=True),
}


def certify(layers, x, name='crown'):
    """Certified of images x [n, h, w, c] or [n, d] by the certificate of that name.

    layers: a list of layers, or of weights of a dense ReLU network: matrices [units in, units out]
    or pairs (weights, bias). Raises UserError where the layers make no network, or the certificate
    does not apply to it.
    """
    image_shape = x.shape[1:] if len(x.shape) == 4 else None
    return CERTIFICATES[name](Network(layers, image_shape), x)
