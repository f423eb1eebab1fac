"""A callable with its variables: what classifier, critic and generator are."""
from utils.errors import check, check_choice

import tensorflow.compat.v1 as tf

from models.layers import Layers


class Training(object):
    """What a network does in training alone: dropout, and statistics of the batch.

    noise: the utils.noise.Noise of this step; keep_input, keep_hidden: in (0, 1], the shares of the
    inputs and of the hidden units that are kept. Raises UserError for another share.
    """

    def __init__(self, noise, keep_input=1., keep_hidden=1.):
        for name, keep in (('keep_input', keep_input), ('keep_hidden', keep_hidden)):
            check(0 < keep <= 1, '--%s is %s; expected a number in (0, 1]', name, keep)
        self._noise = noise
        self.keep_input, self.keep_hidden = keep_input, keep_hidden

    @property
    def batch_statistics(self):
        """Whether batch normalisation takes the mean and the variance of the batch."""
        return self._noise is not None

    def drop(self, net, keep, name):
        """[n, ...] with each number kept with probability `keep` and divided by it, else 0; `name`
        tells this dropout of the network from its others.
        """
        if keep == 1:
            return net
        drawn = self._noise.uniform(tf.shape(net), 0., 1., 'dropout/' + name)
        return tf.where(drawn < keep, net / keep, tf.zeros_like(net))


AS_TESTED = Training(None)   # nothing is dropped, every statistic is frozen


class Network(object):
    """The first call creates the variables, every later call shares them.

    `scope` names the variables: two networks of one graph have two scopes. `build(layers, x,
    **kwargs)` returns logits, with `layers` the Layers of this network. Variables are resource
    variables, so a call built under a control dependency reads the values they have by then.
    `activation` is the function between its layers, for those that ask. `pretraining(layers, x)`,
    if it has one, is the loss of its own pretraining.
    """

    def __init__(self, scope, seed, build, activation=None, initial_weights='normal',
                 pretraining=None):
        self.scope = scope
        self._pretraining = pretraining
        self.activation = activation
        self._layers = Layers(seed, initial_weights)
        self._build = build

    def __call__(self, x, **kwargs):
        with tf.variable_scope(self.scope, reuse=tf.AUTO_REUSE, use_resource=True):
            return self._build(self._layers, x, **kwargs)

    def with_feature(self, x, layer):
        """(logits [n, k], what the layer of that name makes of x before its activation [n, ...]);
        raises UserError for a layer that it has not.
        """
        logits = self(x)
        return logits, self._layers.outputs[check_choice('layer', layer, self._layers.outputs)]

    def trained(self, x, logits, training):
        """The logits that a loss is taken of: those of the call in `training`, a Training, or
        `logits`, of model(x), where the two are the same.
        """
        if training.keep_input == training.keep_hidden == 1 and not self.has_statistics:
            return logits
        return self(x, training=training)

    @property
    def variables(self):
        """The trainable variables, in the order of creation; none before the first call."""
        return self._layers.variables

    @property
    def pretrained(self):
        """The trainable variables that training leaves as pretraining has left them."""
        return self._layers.pretrained

    @property
    def moved(self):
        """The trainable variables that training moves."""
        kept = {v.op.name for v in self.pretrained}
        return [v for v in self.variables if v.op.name not in kept]

    @property
    def has_own_pretraining(self):
        """Whether pretraining moves only a part of it, against a loss of its own."""
        return self._pretraining is not None

    def pretraining_loss(self, x):
        """The loss of its own pretraining on images [n, ...], a scalar."""
        with tf.variable_scope(self.scope, reuse=tf.AUTO_REUSE, use_resource=True):
            return self._pretraining(self._layers, x)

    @property
    def state(self):
        """Everything that is saved of it: the trainable variables, then the statistics that batch
        normalisation is frozen at.
        """
        return self.variables + self._layers.statistics

    @property
    def has_statistics(self):
        """Whether batch normalisation is among its layers."""
        return bool(self._layers.statistics)

    @property
    def after_step(self):
        """Functions that build the ops which move the statistics towards those of the batch, of
        each call in training.
        """
        return self._layers.after_step

    @property
    def decayed(self):
        """The weights that weight decay acts on, as the network's own file says."""
        return self._layers.decayed

    def weight_penalty(self):
        """sum ||W||^2 / 2 over these, each times the factor of its layer."""
        return self._layers.weight_penalty()

    def saved_as(self, scope):
        """{name in a checkpoint of a network called `scope`: variable of this one}."""
        return {scope + v.op.name[len(self.scope):]: v for v in self.state}


class Frozen(Network):
    """A Network with constants of the default graph for its variables: nothing has to be
    initialised, and nothing can move them.

    weights: {'fc0/bias': array}, all of its state. Several stand side by side in one graph.
    """

    def __init__(self, network, weights):
        super().__init__(network.scope, 0, network._build, network.activation)
        self._constants = {name: tf.constant(value) for name, value in weights.items()}

    def __call__(self, x, **kwargs):
        with tf.variable_scope('frozen') as scope:
            prefix = '%s/%s/' % (scope.name, self.scope)
            scope.set_custom_getter(
                lambda getter, name, **unused: self._constants[name[len(prefix):]])
            return super().__call__(x, **kwargs)

    @property
    def variables(self):
        """None."""
        return []

    @property
    def state(self):
        """Nothing that has to be saved."""
        return []
