"""A callable with its variables: what classifier, critic and generator are."""
import tensorflow.compat.v1 as tf

from models.layers import Layers


class Network(object):
    """The first call creates the variables, every later call shares them.

    `scope` names the variables: two networks of one graph have two scopes. `build(layers, x,
    **kwargs)` returns logits, with `layers` the Layers of this network. Variables are resource
    variables, so a call built under a control dependency reads the values they have by then.
    """

    def __init__(self, scope, seed, build):
        self.scope = scope
        self._layers = Layers(seed)
        self._build = build

    def __call__(self, x, **kwargs):
        with tf.variable_scope(self.scope, reuse=tf.AUTO_REUSE, use_resource=True):
            return self._build(self._layers, x, **kwargs)

    @property
    def variables(self):
        """The trainable variables, in the order of creation; none before the first call."""
        return self._layers.variables

    @property
    def decayed(self):
        """The weights that weight decay acts on, as the network's own file says."""
        return self._layers.decayed

    def saved_as(self, scope):
        """{name in a checkpoint of a network called `scope`: variable of this one}."""
        return {scope + v.op.name[len(self.scope):]: v for v in self.variables}
