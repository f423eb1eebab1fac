"""The classifiers. A model is a callable x [n, h, w, c] -> logits [n, k] with its variables.

Adding one: a file with its build function and a line in MODELS.
"""
import inspect
import re

from utils.errors import check, check_choice
from utils.registry import registry

from models.layers import Network, activation
from models.lenet5 import lenet5
from models.mlp import mlp

MODELS = registry('models', ('mlp', mlp), ('lenet5', lenet5))


def parse_layer_dims(flag, text):
    """'1200-1200' -> (1200, 1200); raises UserError for anything that is not positive integers
    joined by '-'.
    """
    parts = text.split('-')
    check(all(re.match('[1-9][0-9]{0,8}$', part) for part in parts),
          '--%s is %r; expected positive integers joined by "-", such as 1200-1200-1200', flag,
          text)
    return tuple(int(part) for part in parts)


def default_layer_dims(name):
    """The dimensions of the dense layers that an architecture has by itself, as text; raises
    UserError for an unknown one.
    """
    build = MODELS[check_choice('--model', name, MODELS)]
    return '-'.join(map(str, inspect.signature(build).parameters['layer_dims'].default))


def build_model(name, num_classes, seed, layer_dims=None, activation_fn='relu'):
    """Returns the classifier f as a Network; `layer_dims` is text such as '1200-1200', None for the
    model's own.
    """
    build = MODELS[check_choice('--model', name, MODELS)]
    settings = dict(num_classes=num_classes, seed=seed, activation_fn=activation(activation_fn))
    if layer_dims is not None:
        settings['layer_dims'] = parse_layer_dims('layer_dims', layer_dims)
    return Network('model', lambda x: build(x, **settings))
