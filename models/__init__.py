"""The classifiers. A model is a callable x [n, h, w, c] -> logits [n, k] with its variables.

Adding one: a file with its build function and a line in MODELS. The function is called with the
network's Layers, the images and the number of classes; a keyword `training` it takes is True where
a loss asks for what the model does in training alone, such as dropout.
"""
import inspect
import re

from utils.errors import check, check_choice

from models.layers import activation
from models.lenet5 import lenet5
from models.mlp import mlp
from models.network import Network

__all__ = ['MODELS', 'Network', 'build_model', 'default_layer_dims', 'parse_layer_dims']

MODELS = {
    'mlp': mlp,
    'lenet5': lenet5,
}
SCOPE = 'model'   # of the classifier that a run trains


def parse_layer_dims(flag, text):
    """'1200-1200' -> (1200, 1200); raises UserError for anything that is not positive integers
    joined by '-'.
    """
    parts = text.split('-')
    check(all(re.match('[1-9][0-9]{0,8}$', part) for part in parts), '--%s is %r; expected '
          'positive integers joined by "-", such as 1200-1200-1200', flag, text)
    return tuple(int(part) for part in parts)


def default_layer_dims(name):
    """The dimensions of the dense layers that an architecture has by itself, as text; raises
    UserError for an unknown one.
    """
    build = MODELS[check_choice('--model', name, MODELS)]
    return '-'.join(map(str, inspect.signature(build).parameters['layer_dims'].default))


def build_model(name, num_classes, seed, layer_dims=None, activation_fn='relu', *, scope=SCOPE):
    """Returns the classifier f as a Network; `layer_dims` is text such as '1200-1200', None for the
    model's own. Two classifiers of one graph need two scopes.
    """
    build = MODELS[check_choice('--model', name, MODELS)]
    settings = dict(activation_fn=activation(activation_fn))
    if layer_dims is not None:
        settings['layer_dims'] = parse_layer_dims('layer_dims', layer_dims)
    has_training_form = 'training' in inspect.signature(build).parameters

    def classifier(layers, x, training=False):
        if has_training_form:
            return build(layers, x, num_classes, training=training, **settings)
        return build(layers, x, num_classes, **settings)

    return Network(scope, seed, classifier)
