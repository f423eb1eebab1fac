"""Training with pools of adversarial images of L-BFGS, one for each of the first layers (Szegedy et
al., ICLR 2014, section 4.2), "a random subset of which is continuously replaced".
"""
from utils.errors import check
from utils.ops import masked_mean, nll

import tensorflow.compat.v1 as tf

from attacks.lbfgs import lbfgs
from training.objective import Losses, Update

HELP = {
    'lmbd': "weight of each pool's loss",
    'pool_layers': 'layers with a pool, from the input on; more than 1 for fc',
    'pool_size': 'adversarial images in a pool',
    'pool_new': 'images of a batch that are attacked for each pool',
    'pool_every': 'so many steps from one replacement to the next, on average',
    'pool_max_iter': "evaluations for each constant of the pools' L-BFGS",
    'pool_search_steps': 'constants that it tries',
}


class Pool(object):
    """Inputs [size, ...] of a layer with their labels [size] int32, -1 where there is none yet;
    variables, so that a resumed run has the same.
    """

    def __init__(self, name, like, size):
        with tf.variable_scope(name, use_resource=True):
            self.inputs = tf.get_variable('inputs', [size] + like.shape.as_list()[1:], tf.float32,
                                          tf.zeros_initializer(), trainable=False)
            self.labels = tf.get_variable('labels', [size], tf.int32,
                                          tf.constant_initializer(-1), trainable=False)
        self.name, self.size = name, size

    def rows(self, n, noise, use):
        """n places drawn from all, [n] int32."""
        drawn = noise.uniform([n], 0., 1., '%s/%s' % (self.name, use))
        return tf.minimum(tf.cast(drawn * self.size, tf.int32), self.size - 1)

    def draw(self, n, noise):
        """n inputs with their labels."""
        rows = self.rows(n, noise, 'draw')
        return tf.gather(self.inputs.read_value(), rows), tf.gather(self.labels.read_value(), rows)

    def replace(self, inputs, labels, noise):
        """The op that puts these in randomly drawn places."""
        rows = self.rows(tf.size(labels), noise, 'replace')
        return tf.group(*(variable.scatter_update(tf.IndexedSlices(values, rows)).op
                          for variable, values in ((self.inputs, inputs), (self.labels, labels))))


def above(model, layer):
    """The layers from `layer` on, as a model of that layer's inputs."""
    return (lambda inputs: model(inputs, layers_from=layer)) if layer else model


def losses(model, x, y, noise, *, lmbd=1., pool_layers=1, pool_size=1000, pool_new=20,
           pool_every=10, pool_max_iter=20, pool_search_steps=6):
    """NLL(x) + lmbd times the NLL of a batch from each pool, given to the layers above it alone.

    model: x -> logits [n, k]; x [n, h, w, c] in [0, 1]; y [n] int32; noise: utils.noise.Noise of
    this step. After a step, once in `pool_every` of them, the first `pool_new` images are attacked
    towards random other classes, at the input of each layer with a pool, within [0, 1]: the range
    of pixels and of sigmoids. Raises UserError for pools that cannot be.
    """
    check(min(pool_layers, pool_size, pool_new, pool_every) >= 1, '--pool_layers, --pool_size, '
          '--pool_new and --pool_every are %s, %s, %s and %s; expected at least 1', pool_layers,
          pool_size, pool_new, pool_every)
    logits = model(x)
    k = int(logits.shape[1])
    inputs = [x] + [model(x, layers_to=layer) for layer in range(1, pool_layers)]
    pools = [Pool('pool%d' % layer, like, pool_size) for layer, like in enumerate(inputs)]

    def classifier_loss():
        loss = tf.reduce_mean(nll(logits, y))
        for layer, pool in enumerate(pools):
            drawn, labels = pool.draw(tf.shape(x)[0], noise)
            of_pool = nll(above(model, layer)(drawn), tf.maximum(labels, 0))
            loss += lmbd * masked_mean(of_pool, labels >= 0)
        return loss

    def replacement():
        n = tf.minimum(pool_new, tf.size(y))
        labels = y[:n]
        turns = 1 + tf.cast(noise.uniform([n], 0., 1., 'pool/target') * (k - 1), tf.int32)
        targets = (labels + tf.minimum(turns, k - 1)) % k
        found = []
        for layer, pool in enumerate(pools):
            now = x[:n] if not layer else model(x[:n], layers_to=layer)
            attacked = lbfgs(above(model, layer), now, labels, targets, max_iter=pool_max_iter,
                             search_steps=pool_search_steps)
            found.append(pool.replace(tf.boolean_mask(attacked.x_adv, attacked.success),
                                      tf.boolean_mask(labels, attacked.success), noise))
        return tf.group(*found)

    def after_step():
        due = noise.uniform([], 0., 1., 'pool/when') < 1. / pool_every
        return tf.cond(due, lambda: with_value(replacement()), lambda: tf.constant(0)).op

    metrics = {'pool': tf.reduce_mean(tf.cast(pools[-1].labels.read_value() >= 0, tf.float32))}
    return Losses(logits, [Update('classifier', classifier_loss)], metrics,
                  after_step=[after_step])


def with_value(op):
    """0, when the op has run."""
    with tf.control_dependencies([op]):
        return tf.constant(0)
