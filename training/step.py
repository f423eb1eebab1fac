"""The training step: one graph, one session.run, every trainable variable with exactly one owner.
"""
import collections

from utils.ops import nll, prediction, share

import tensorflow.compat.v1 as tf

BETA1 = 0.5               # section 5, for the defense's two networks
PRETRAIN_DECAY = 5e-6   # weight of sum ||W||^2 / 2 over the hidden layers in pretraining, as published

Steps = collections.namedtuple('Steps', 'pretrain train')
Steps.__doc__ = """What a training step fetches: {'op': op, metric: scalar}, in pretraining and in training."""

Rates = collections.namedtuple('Rates', 'classifier critic')
Rates.__doc__ = """The learning rates of a step: two scalar placeholders."""


def check_ownership(**owners):
    """Raises ValueError unless each trainable variable of the graph belongs to exactly one owner
    (name -> variables).
    """
    claims = collections.defaultdict(list)
    for owner, variables in owners.items():
        for variable in variables:
            claims[variable.op.name].append(owner)
    for variable in tf.trainable_variables():
        owned_by = claims.pop(variable.op.name, [])
        if len(owned_by) != 1:
            raise ValueError('variable %s belongs to %s; expected exactly one owner' %
                             (variable.op.name, owned_by or 'nobody'))
    if claims:
        raise ValueError('not a trainable variable of this graph: %s' % ', '.join(sorted(claims)))


def weight_penalty(model):
    """sum ||W||^2 / 2 over the hidden layers."""
    return tf.add_n([tf.nn.l2_loss(w) for w in model.hidden_weights])


def _descend(optimizer, name, loss, variables, first=()):
    """One update of `variables` against `loss`, applied when all its gradients and the tensors in
    `first` are known.

    Where the loss or a gradient is not finite, the session raises InvalidArgumentError with `name`
    and no variable changes.
    """
    gradients = tf.gradients(loss, variables)
    missing = [v.op.name for v, g in zip(variables, gradients) if g is None]
    if missing:
        raise ValueError('the loss does not depend on %s' % ', '.join(missing))
    with tf.control_dependencies([tf.debugging.check_numerics(loss, name)]):
        gradients = [tf.debugging.check_numerics(g, 'the gradient of %s' % name) for g in gradients]
    with tf.control_dependencies(gradients + list(first)):
        return optimizer.apply_gradients(zip([tf.identity(g) for g in gradients], variables))


def _advance(update, after_step, step):
    """The end of a step: after `update`, the defense's own updates, then the step counter."""
    with tf.control_dependencies([update]):
        updates = [build() for build in after_step]
    with tf.control_dependencies([update] + updates):
        return step.assign_add(1).op


def build_steps(losses, model, critic, y, step, weight_decay=0., beta1=BETA1):
    """Builds the pretraining and the training step for a defense's Losses; returns (Steps, Rates).

    Training (section 4): the attack is in `losses`; then the critic's updates, then the
    classifier's against the updated critic, then the moving average. Pretraining: NLL and weight
    decay alone. `step` is the integer variable that counts both, `beta1` in [0, 1) the decay of the
    first moment in both networks' Adam.
    """
    rates = Rates(tf.placeholder(tf.float32, [], 'lr'), tf.placeholder(tf.float32, [], 'critic_lr'))
    optimizer = tf.train.AdamOptimizer(rates.classifier, beta1=beta1, name='Adam')
    critic_optimizer = tf.train.AdamOptimizer(rates.critic, beta1=beta1, name='CriticAdam')
    metrics = {
        'nll': tf.reduce_mean(nll(losses.logits, y)),
        'err': 1. - share(tf.equal(prediction(losses.logits), y))
    }

    pretrain_loss = metrics['nll'] + PRETRAIN_DECAY * weight_penalty(model)
    update = _descend(optimizer, 'loss', pretrain_loss, model.variables, metrics.values())
    pretrain = dict(metrics, loss=pretrain_loss, op=_advance(update, losses.after_step, step))

    metrics.update(losses.metrics)
    update = tf.no_op()
    for critic_loss in losses.critic:
        with tf.control_dependencies([update]):
            metrics['critic_loss'] = critic_loss()
            update = _descend(critic_optimizer, 'critic_loss', metrics['critic_loss'],
                              critic.variables)
    with tf.control_dependencies([update]):
        metrics['loss'] = losses.classifier()
        if weight_decay:
            metrics['loss'] += weight_decay * weight_penalty(model)
        update = _descend(optimizer, 'loss', metrics['loss'], model.variables, metrics.values())
    train = dict(metrics, op=_advance(update, losses.after_step, step))
    check_ownership(classifier=model.variables, critic=critic.variables)
    return Steps(pretrain, train), rates
