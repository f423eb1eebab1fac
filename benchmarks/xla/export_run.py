"""Exports the training of a run: python -m benchmarks.xla.export_run FOLDER <flags of train.py>.

FOLDER gets an HLO program for an epoch of training, one of pretraining where the run has any, and
one that measures as many images as validate. Batches are whole: images that fill none are left out.
"""
import json
import os
import sys

from utils.ops import nll, prediction

import tensorflow as tf2
import tensorflow.compat.v1 as tf

import train
from benchmarks.xla.functional import Lifted, let_graph_code_see_lifted_variables, save_small

IMAGES, VALIDATION = 60000, 10000   # of MNIST; those that validate by default
SHAPE, CLASSES = (28, 28, 1), 10


def epoch_of(step, names):
    """(images, labels, order [s, b], lr, critic_lr) -> the sums of a step's metrics."""
    def epoch(images, labels, order, *rates):
        def body(i, *sums):
            values = step(tf.gather(images, order[i]), tf.gather(labels, order[i]), *rates)
            return (i + 1,) + tuple(total + values[name] for total, name in zip(sums, names))
        zeros = [tf.zeros([]) for _ in names]
        return tf.while_loop(lambda i, *sums: i < tf.shape(order)[0], body,
                             [tf.constant(0)] + zeros, back_prop=False)[1:]
    return epoch


def measure_of(measured):
    """(images [s, b, ...], labels [s, b]) -> sums of the NLL and of the errors."""
    def measure(images, labels):
        def body(i, *sums):
            values = measured(images[i], labels[i])
            return i + 1, sums[0] + values['nll'], sums[1] + values['wrong']
        return tf.while_loop(lambda i, *sums: i < tf.shape(images)[0], body,
                             [tf.constant(0), tf.zeros([]), tf.zeros([])], back_prop=False)[1:]
    return measure


def trace(config, hyper, lifted):
    """({program: function, ...}, {program: names of its metrics}, names of the model's weights)."""
    found = {}

    def graph(x, y, lr, critic_lr):
        rates = {'lr': lr, 'critic_lr': critic_lr}
        model, losses, steps = train.build_graph(config, hyper, CLASSES, x, y, rates)
        wrong = tf.cast(tf.not_equal(prediction(losses.logits), y), tf.float32)
        found.update(model=model, feeds=[x, y, lr, critic_lr], measured={
            'nll': tf.reduce_sum(nll(losses.logits, y)), 'wrong': tf.reduce_sum(wrong)})
        for phase in ('train', 'pretrain'):
            metrics = dict(getattr(steps, phase))
            with tf.control_dependencies([metrics.pop('op')]):
                found[phase] = {name: tf.identity(value) for name, value in metrics.items()}
        return tf.zeros([])

    size = config.batch_size
    spec = [tf2.TensorSpec((size,) + SHAPE), tf2.TensorSpec([size], tf.int32), tf2.TensorSpec([]),
            tf2.TensorSpec([])]
    wrapped = lifted.wrap(graph, spec)
    phases = ['train', 'pretrain'] if config.pretrain_niter else ['train']
    metrics = {phase: sorted(found[phase]) for phase in phases}
    functions = {phase: epoch_of(wrapped.prune(found['feeds'], found[phase]), metrics[phase])
                 for phase in phases}
    functions['measure'] = measure_of(wrapped.prune(found['feeds'][:2], found['measured']))
    weights = [variable.name.split(':')[0] for variable in found['model'].variables]
    return functions, dict(metrics, measure=['nll', 'wrong']), weights


def main(folder, flags):
    """Writes the programs, and run.json: settings, learning rates, names."""
    train.FLAGS(['train.py'] + flags)
    config, hyper = train.read_config()
    let_graph_code_see_lifted_variables()
    lifted = Lifted()
    functions, metrics, weights = trace(config, hyper, lifted)
    size = config.batch_size
    config.validation_size = config.validation_size or VALIDATION
    images = IMAGES - config.validation_size
    split = [tf2.TensorSpec((images,) + SHAPE), tf2.TensorSpec([images], tf.int32),
             tf2.TensorSpec([images // size, size], tf.int32), tf2.TensorSpec([]),
             tf2.TensorSpec([])]
    batches = config.validation_size // size
    measured = [tf2.TensorSpec((batches, size) + SHAPE), tf2.TensorSpec([batches, size], tf.int32)]
    os.makedirs(folder, exist_ok=True)
    for name, function in functions.items():
        lifted.compile(function, measured if name == 'measure' else split,
                       os.path.join(folder, name + '.hlo'))
    rates = [train.learning_rates(config, hyper, epoch) for epoch in range(1, config.niter + 1)]
    with open(os.path.join(folder, 'run.json'), 'w') as stream:
        json.dump({'args': dict(vars(config), **hyper), 'rates': rates, 'metrics': metrics,
                   'weights': weights}, stream)
    save_small(folder, config.seed, lifted.values())


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2:])
