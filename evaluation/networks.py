"""A trained classifier in one file, weights.npz, that is built into a graph without its run.

The file holds plain arrays, nothing pickled: the strings `architecture` and `activation`, the
integers `num_classes`, `layer_dims` [hidden dense layers] and `image_shape` [3] (h, w, c), the
strings `layers` [l], in order from the images to the logits, and for each of them
`<layer>/weights`, [units in, units out] or [size, size, channels in, channels out], and
`<layer>/bias` [units or channels out], all float32.
"""
import collections
import os

from utils.errors import UserError, check, check_choice
from utils.files import atomic_write

import numpy as np
import tensorflow.compat.v1 as tf

from datasets.npz import read_arrays
from models import MODELS, Frozen, build_model
from models.layers import ACTIVATIONS

StoredNetwork = collections.namedtuple(
    'StoredNetwork', 'architecture activation layer_dims num_classes image_shape weights')
StoredNetwork.__doc__ = """What weights.npz holds; `weights` is {'<layer>/<weights or bias>':
array}, in the order of the layers."""

# Entries beside the weights: the kinds of number that they may be, and their dimensions.
FACTS = {'architecture': ('U', 0), 'activation': ('U', 0), 'layer_dims': ('iu', 1),
         'num_classes': ('iu', 0), 'image_shape': ('iu', 1), 'layers': ('U', 1)}


def build(network):
    """The architecture of a StoredNetwork as a Network, whose variables are yet to be made."""
    layer_dims = '-'.join(str(units) for units in network.layer_dims)
    return build_model(network.architecture, network.num_classes, 0, layer_dims,
                       network.activation)


def layers_of(names):
    """The layers that variables belong to, each once, in order: 'fc0/bias' is of 'fc0'."""
    return list(collections.OrderedDict.fromkeys(name.rsplit('/', 1)[0] for name in names))


def write_network(path, network):
    """Writes a StoredNetwork; equal networks make equal files."""
    facts = network._asdict()
    weights = facts.pop('weights')
    with atomic_write(path, 'wb') as stream:
        np.savez_compressed(stream, layers=layers_of(weights), **facts, **weights)


def read_network(path):
    """The StoredNetwork in the file `path`.

    Raises UserError naming the file and the fault for one that is absent or damaged, that lacks an
    array, or whose arrays are not those of its architecture.
    """
    check(os.path.isfile(path), '%s: no such file', path)
    arrays = read_arrays(path)
    facts = {name: read_fact(path, arrays, name) for name in FACTS}
    layers = facts.pop('layers')
    check_choice('%s: architecture' % path, facts['architecture'], MODELS)
    check_choice('%s: activation' % path, facts['activation'], ACTIVATIONS)
    check(facts['num_classes'] > 0, '%s: num_classes is %d; expected at least 1', path,
          facts['num_classes'])
    check(len(facts['image_shape']) == 3 and min(facts['image_shape']) > 0,
          '%s: image_shape is %s; expected height, width and channels', path,
          facts['image_shape'])
    network = StoredNetwork(weights=collections.OrderedDict(), **facts)
    try:
        shapes = variable_shapes(network)
    except UserError as error:
        raise UserError('%s: %s' % (path, error))
    check(layers == layers_of(shapes), '%s: layers are %s; expected %s', path, ', '.join(layers),
          ', '.join(layers_of(shapes)))
    for name, shape in shapes.items():
        check(name in arrays, '%s: has no array %s', path, name)
        value = arrays[name]
        check(value.dtype == np.float32 and value.shape == shape,
              '%s: %s is %s of shape %s; expected float32 of shape %s', path, name, value.dtype,
              value.shape, shape)
        network.weights[name] = value
    return network


def read_fact(path, arrays, name):
    """An entry of FACTS as a string or an int, or a list of them."""
    check(name in arrays, '%s: has no array %s', path, name)
    kinds, dimensions = FACTS[name]
    value = arrays[name]
    check(value.dtype.kind in kinds and value.ndim == dimensions,
          '%s: %s is %s with %d dimensions; expected %s with %d', path, name, value.dtype,
          value.ndim, 'a string' if kinds == 'U' else 'integers', dimensions)
    return value.tolist()


def variable_shapes(network):
    """{name: shape} of the variables of a StoredNetwork's architecture, in order."""
    with tf.Graph().as_default():
        model = build(network)
        model(tf.placeholder(tf.float32, [None] + list(network.image_shape)))
        return collections.OrderedDict((variable_name(model, v), tuple(v.shape.as_list()))
                                       for v in model.state)


def variable_name(model, variable):
    """The name of a Network's variable without that of the network: 'fc0/bias'."""
    return variable.op.name[len(model.scope + '/'):]


def load_network(path):
    """The classifier in a weights.npz as a callable x [n, h, w, c] -> logits [n, k], a
    models.Frozen. Raises UserError as read_network does.
    """
    network = read_network(path)
    return Frozen(build(network), network.weights)
