"""The classifiers. A model is a callable x [n, h, w, c] -> logits [n, k] with its variables.

Adding one: a file with its build function and a line in MODELS. The function is called with the
network's Layers, the images and the number of classes, and has the keyword arguments `layer_dims`
and `activation_fn` with the architecture's own as defaults; `training`, if it takes that, is the
models.network.Training of a loss that asks for what the model does in training alone. A function
`pretraining` beside it, of the Layers and the images, is the loss of a pretraining of its own.
"""
import functools
import inspect
import re

from utils.errors import check, check_choice
from utils.hyperparameters import module_of

from models.autoencoder import autoencoder
from models.fc import fc
from models.layers import ACTIVATIONS, activation
from models.lenet5 import lenet5
from models.mlp import mlp
from models.mlp1 import mlp1
from models.network import AS_TESTED, Frozen, Network, Training
from models.resnet32 import resnet32

__all__ = ['MODELS', 'Frozen', 'Network', 'Training', 'build_model', 'default_activation',
           'default_layer_dims', 'parse_layer_dims']

MODELS = {
    'mlp': mlp,
    'lenet5': lenet5,
    'mlp1': mlp1,
    'fc': fc,
    'autoencoder': autoencoder,
    'resnet32': resnet32,
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


def default_activation(name):
    """The name of the activation that an architecture has by itself."""
    build = MODELS[check_choice('--model', name, MODELS)]
    own = inspect.signature(build).parameters['activation_fn'].default
    return next((known for known, function in ACTIVATIONS.items() if function is own), 'relu')


def build_model(name, num_classes, seed, layer_dims=None, activation_fn=None, *, scope=SCOPE,
                initial_weights='normal'):
    """Returns the classifier f as a Network; `layer_dims` is text such as '1200-1200', None for the
    model's own, and so is the name `activation_fn`. Two classifiers of one graph need two scopes.
    initial_weights: normal or truncated_normal, of He's variance, or glorot_uniform.
    """
    build = MODELS[check_choice('--model', name, MODELS)]
    settings = dict(activation_fn=activation(activation_fn or default_activation(name)))
    if layer_dims is not None:
        settings['layer_dims'] = parse_layer_dims('layer_dims', layer_dims)
    has_training_form = 'training' in inspect.signature(build).parameters

    def classifier(layers, x, training=AS_TESTED, **part):
        check(not part or 'layers_from' in inspect.signature(build).parameters, '--pool_layers is '
              'more than 1; %s is given images alone, expected 1 or --model=fc', name)
        if has_training_form:
            return build(layers, x, num_classes, training=training, **part, **settings)
        check(training.keep_input == training.keep_hidden == 1, '--keep_input and --keep_hidden '
              'are %s and %s; the model %s has no dropout, expected 1', training.keep_input,
              training.keep_hidden, name)
        return build(layers, x, num_classes, **part, **settings)

    own = getattr(module_of(build), 'pretraining', None)
    return Network(scope, seed, classifier, settings['activation_fn'], initial_weights,
                   own and functools.partial(own, **settings))
