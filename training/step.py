"""The training step: one graph, one session.run, every trainable variable with exactly one owner.
"""
import collections

from utils.ops import nll, prediction, share

import tensorflow.compat.v1 as tf

# weight of sum ||W||^2 / 2 over the hidden layers in pretraining, as published
PRETRAIN_DECAY = 5e-6

Steps = collections.namedtuple('Steps', 'pretrain train')
Steps.__doc__ = "What each fetches: {'op': op, metric: scalar}."


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


def _pretrain_step(losses, model, optimizers, metrics, step, x):
    """The model's own pretraining or NLL and weight decay alone, and the defense's own updates."""
    if model.has_own_pretraining:
        loss, optimizer = model.pretraining_loss(x), optimizers['pretraining']
    else:
        loss = metrics['nll'] + PRETRAIN_DECAY * model.weight_penalty()
        optimizer = optimizers['classifier']
    update = _descend(optimizer, 'loss', loss, model.pretrained or model.variables,
                      metrics.values())
    return dict(metrics, loss=loss, op=_advance(update, losses.after_step, step))


def _metric_name(player, updates):
    """'loss' for the player that moves last, '<player>_loss' for the others."""
    return 'loss' if player == updates[-1].player else player + '_loss'


def _train_step(losses, players, optimizers, metrics, step, weight_decay):
    """The updates in their order; the last player's waits for the metrics, which are of the step's
    own weights.
    """
    metrics = dict(metrics, **losses.metrics)
    update = tf.no_op()
    for player, loss in losses.updates:
        name = _metric_name(player, losses.updates)
        with tf.control_dependencies([update]):
            value = loss()
            if name == 'loss' and weight_decay:
                value += weight_decay * players[player].weight_penalty()
            metrics[name] = value
            waits = metrics.values() if name == 'loss' else ()
            update = _descend(optimizers[player], name, value, players[player].moved, waits)
    after_step = list(losses.after_step)
    for network in players.values():
        after_step += network.after_step
    return dict(metrics, op=_advance(update, after_step, step))


def build_steps(losses, players, optimizers, y, step, *, x=None, weight_decay=0., frozen=()):
    """Builds the pretraining and the training step for Losses; returns Steps.

    players: {name: Network} of the networks that move; optimizers: {name: tf.train.Optimizer};
    frozen: Networks of the graph that nobody moves. In training (section 4) the attack is in
    `losses`; then the updates follow in their order, each seeing the weights that the one before it
    has left; then the defense's own updates. `weight_decay` acts on the player that moves last.
    Pretraining moves the classifier by NLL and weight decay alone, or by a loss of its own, on the
    images x. `step` is the integer variable that counts both, y [n] int32 the batch's labels.
    """
    metrics = {'nll': tf.reduce_mean(nll(losses.logits, y)),
               'err': 1. - share(tf.equal(prediction(losses.logits), y))}
    pretrain = None
    if 'classifier' in players:
        pretrain = _pretrain_step(losses, players['classifier'], optimizers, metrics, step, x)
    train = _train_step(losses, players, optimizers, metrics, step, weight_decay)
    owners = {name: network.variables for name, network in players.items()}
    owners.update({network.scope: network.variables for network in frozen})
    check_ownership(**owners)
    return Steps(pretrain, train)
