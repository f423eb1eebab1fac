"""Upper bounds of each layer's Lipschitz constant in l2, and their product.

Szegedy et al. (2014), section 4.3. The norms are those of certificates/spectral.py, so the product
over the hidden layers is what the `global` certificate divides a margin by.
"""
from utils.errors import check

import numpy as np

from certificates.spectral import convolution_norm, norm
from properties.layers import is_chain, layers_of
from properties.runs import opened_session
from reporting.bounds import best, collect_bounds, smallest
from training.checkpoints import read_checkpoint


def spectral(opened):
    """What spectral.json has of an Opened: `layers`, each with name, shape of the weights, image,
    stride and padding of a convolution, and norm; `product`, None where a layer takes more than the
    one before it made, as a residual network's.
    """
    with opened_session(opened) as (_, x, model, logits):
        layers = layers_of(model, logits)
        chain = is_chain(model, x, logits)
    weights = read_checkpoint(opened.checkpoint)
    found = [dict(name=layer.name, shape=list(weights[layer.variable].shape), image=layer.image,
                  stride=layer.stride, padding=layer.padding,
                  norm=layer_norm(layer, np.float64(weights[layer.variable]))) for layer in layers]
    product = float(np.prod([layer['norm'] for layer in found])) if chain else None
    return {'train': opened.record, 'layers': found, 'product': product}


def layer_norm(layer, weights):
    """The spectral norm of a Layer with these weights, rounded up. Every activation of the project
    has slopes of at most 1, and so has pooling.
    """
    if layer.image is None:
        return norm(weights)
    return convolution_norm(weights, layer.image, layer.stride)


def certified(results_dir):
    """{identity of a network: mean radii in l2} of the certified images below `results_dir` that
    are classified correctly: `images`, their number; `global`, the largest certificate `best`, and
    `attacked`, the smallest perturbation that was found; None for what is not recorded.
    """
    found = {}
    for bounds in collect_bounds(results_dir):
        right = bounds.pred == bounds.label
        attacked = smallest(bounds)[right]
        radii = {'global': bounds.radius.get('global'), 'best': best(bounds)}
        means = {name: None if radius is None else float(radius[right].mean())
                 for name, radius in radii.items()}
        means['attacked'] = float(attacked.mean()) if np.isfinite(attacked).all() else None
        found[bounds[:5]] = dict(means, images=int(right.sum()))
    check(found, '--bounds is %s; expected certificates of runs in it, '
          '<test_...>/<run>/certificates.json', results_dir)
    return found
