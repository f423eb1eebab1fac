"""Trains a classifier with one of the defenses of Table 1; `--defense=critic` is the paper's
(section 4).
"""
import functools
import os
import types

from utils import cli, hyperparameters
from utils.errors import check
from utils.hyperparameters import select
from utils.noise import Noise

import tensorflow.compat.v1 as tf
from absl import flags, logging

import defenses
from attacks.unrolled import UnrolledAttack
from critic import build_critic, critic_learning_rate
from datasets import DATASETS, centre_cropped, load_dataset, read_kinds
from datasets.augment import KINDS
from evaluation.monitor import Evaluation
from models import MODELS, build_model, default_activation, default_layer_dims
from models.layers import ACTIVATIONS
from terminal.log import log_to_file
from training.gpu_memory import check_gpu_memory
from training.lock import folder_lock
from training.loop import Graph, train
from training.optimizers import BETA1, MOMENTUM, OPTIMIZERS, build_optimizers, resolve
from training.provenance import provenance
from training.run_folder import RunFolder
from training.schedule import DECAYS, POINTS, learning_rate, read_points, settled_points
from training.session import start_graph_mode
from training.step import build_steps
from universal.nag import build_player

FLAGS = flags.FLAGS

flags.DEFINE_string('name', None, 'of the folder <train_dir>/<name>_s<seed> (default: the defense)')
flags.DEFINE_integer('seed', 1, 'fixes weights, noise and the order of the images', 0, 2 ** 32 - 1)
flags.DEFINE_string('dataset', 'digits', ', '.join(DATASETS) + ', or the path of an .npz')
flags.DEFINE_string('data_dir', 'data', 'folder of its files; those of MNIST are fetched')
flags.DEFINE_string('augment', '', 'random changes of training images: ' + ','.join(KINDS))
flags.DEFINE_enum('split', '', ('', 'p1', 'p2'), 'half to train on; the other validates')
flags.DEFINE_string('train_dir', 'runs', 'folder of the runs')
flags.DEFINE_string('model', 'mlp', 'the classifier: ' + ', '.join(sorted(MODELS)))
flags.DEFINE_string('layer_dims', None, 'hidden units: 1200-1200-1200 (mlp), 512 (lenet5), ...')
flags.DEFINE_string('activation_fn', None, ', '.join(sorted(ACTIVATIONS)) + ' (default: its own)')
flags.DEFINE_string('initial_weights', 'normal', 'their distribution: normal, truncated_normal of '
                    'the same variance, as published, or glorot_uniform')
flags.DEFINE_string('defense', 'critic', 'the defense: ' + ', '.join(sorted(defenses.DEFENSES)))
flags.DEFINE_integer('batch_size', 100, 'training images in a step', 1)
flags.DEFINE_integer('test_batch_size', 100, 'images in a batch of an evaluation', 1)
flags.DEFINE_integer('validation_size', None, 'training images that validate (default: a sixth)', 1)
flags.DEFINE_integer('pretrain_niter', 1, 'epochs of pretraining without a defense', 0)
flags.DEFINE_integer('niter', 100, 'epochs of training', 0)
flags.DEFINE_float('weight_decay', 0., 'of ||W||^2 / 2, hidden layers (mlp1, resnet32: all)', 0.)
flags.DEFINE_string('optimizer', 'adam', 'of the classifier: ' + ', '.join(sorted(OPTIMIZERS)))
flags.DEFINE_float('beta1', BETA1, "first moment's decay in Adam, the critic's too", 0., 0.9999)
flags.DEFINE_float('momentum', None, 'of --optimizer=momentum (default: %g)' % MOMENTUM, 0., 0.9999)
flags.DEFINE_float('lr', 5e-4, 'learning rate of the classifier', 0.)
flags.DEFINE_enum('lr_decay', 'step', DECAYS, 'step: every lr_decay_step epochs; exp: every epoch; '
                  'points: at lr_decay_at; no: never')
flags.DEFINE_string('lr_decay_at', None, 'fractions of niter, for points (default: %s)' % POINTS)
flags.DEFINE_float('lr_decay_factor', 0.5, 'the learning rate is multiplied by this', 0.)
flags.DEFINE_integer('lr_decay_step', 40, 'every so many epochs', 1)
flags.DEFINE_integer('summary_frequency', 1, 'attack validation after so many epochs (0: never)', 0)
flags.DEFINE_integer('checkpoint_frequency', 0, 'keep every so manieth epoch (0: the last two)')
flags.DEFINE_string('gpu_memory', '1', "fraction of a GPU's memory to take, or growth: as needed")
flags.DEFINE_boolean('resume', False, 'continue the run if the folder holds one')
GENERAL = [flag.name for flag in FLAGS.get_key_flags_for_module(__name__)]
OPTIMIZER_SETTINGS = ('beta1', 'momentum')
HYPERPARAMETERS = hyperparameters.define_flags(defenses.takers())
flags.adopt_module_key_flags(hyperparameters)   # so that --help shows them


def read_config():
    """(config, hyper): the general settings as attributes, {hyper-parameter of a defense: value}.
    """
    config = types.SimpleNamespace(**{name: FLAGS[name].value for name in GENERAL})
    given = {name: FLAGS[name].value for name in HYPERPARAMETERS if FLAGS[name].present}
    hyper = defenses.resolve(config.defense, given)
    config.name = config.name or config.defense
    check(os.sep not in config.name and config.name.isprintable(),
          '--name is %r; expected the name of a folder, in UTF-8', config.name)
    config.layer_dims = config.layer_dims or default_layer_dims(config.model)
    config.activation_fn = config.activation_fn or default_activation(config.model)
    given = {name: FLAGS[name].value for name in OPTIMIZER_SETTINGS if FLAGS[name].present}
    vars(config).update(resolve(config.optimizer, given,
                                critic='critic' in defenses.parts_of(config.defense)))
    config.lr_decay_at = settled_points(config.lr_decay, config.lr_decay_at)
    learning_rates(config, hyper, 1)   # a schedule that cannot be is refused at once
    check_gpu_memory(config.gpu_memory)
    return config, hyper


def build_graph(config, hyper, num_classes, x, y, rates):
    """Section 4, top to bottom: f, A_f, D, the losses, the training step, on images, labels and
    {name: learning rate}. Returns f, the Losses and the Steps.
    """
    step = tf.get_variable('step', [], tf.int32, tf.zeros_initializer(), trainable=False,
                           use_resource=True)
    noise = Noise(config.seed, step.read_value())
    model = build_model(config.model, num_classes, config.seed, config.layer_dims,     # f
                        config.activation_fn, initial_weights=config.initial_weights)
    attack = UnrolledAttack(model, noise, **select(UnrolledAttack, hyper))             # A_f, eq. 7
    critic = build_critic(num_classes, config.seed, config.initial_weights,            # D
                          **select(build_critic, hyper))
    generator, generator_adam = build_player(x, config.seed, hyper)                    # nag_at's
    losses = defenses.build_losses(config.defense, hyper, model=model, attack=attack,  # eq. 4
                                   critic=critic, generator=generator, x=x, y=y,       # to eq. 6
                                   noise=noise)
    optimizers = dict(build_optimizers(rates, config.optimizer, beta1=config.beta1,
                                       momentum=config.momentum), generator=generator_adam)
    steps = build_steps(losses, {'classifier': model, 'critic': critic, 'generator': generator},
                        optimizers, y, step, x=x, weight_decay=config.weight_decay)
    check(not model.has_statistics or model.after_step and not config.pretrain_niter,
          '--model=%s takes the statistics of its batches, with --pretrain_niter=0 and '
          '--defense=none, cross_lipschitz or linear_box_at; expected these', config.model)
    return model, losses, steps


def learning_rates(config, hyper, epoch):
    """{name: learning rate} in an epoch; the first after pretraining is 1."""
    points = read_points(config.lr_decay_at, config.niter) if config.lr_decay_at else ()
    return {'lr': learning_rate(epoch, config.lr, config.lr_decay, config.lr_decay_factor,
                                config.lr_decay_step, points),
            'critic_lr': critic_learning_rate(epoch, config.lr_decay, points,
                                              **select(critic_learning_rate, hyper))}


def main():
    """Flags, data, run folder, graph, loop."""
    start_graph_mode()
    config, hyper = read_config()
    data = load_dataset(config.dataset, config.data_dir, config.validation_size, config.split)
    data = centre_cropped(data, read_kinds(config.augment))
    config.validation_size = len(data.validation.x)
    defaults = dict({name: FLAGS[name].default for name in GENERAL},
                    **defenses.resolve(config.defense, {}))
    run = RunFolder(os.path.join(config.train_dir, '%s_s%d' % (config.name, config.seed)), defaults)
    args = dict(vars(config), **hyper)
    if config.resume and run.finished(args, config.pretrain_niter + config.niter):
        logging.info('%s: is finished', run.path)
        return
    x = tf.placeholder(tf.float32, (None,) + data.test.x.shape[1:], name='x')
    y = tf.placeholder(tf.int32, [None], name='y')
    rates = {name: tf.placeholder(tf.float32, [], name) for name in ('lr', 'critic_lr')}
    model, losses, steps = build_graph(config, hyper, data.num_classes, x, y, rates)
    monitor = Evaluation(model, losses.logits, x, y, losses.diagnostics, data,
                         config.test_batch_size, attacks=config.summary_frequency > 0)
    graph = Graph(x, y, steps, rates, functools.partial(learning_rates, config, hyper))
    with folder_lock(run.path):
        run.create(dict(provenance(), args=args, num_classes=data.num_classes,
                        image_shape=list(data.test.x.shape[1:])), config.resume)
        log_to_file(run.log_path)
        train(run, types.SimpleNamespace(**args), data, graph, monitor)


if __name__ == '__main__':
    cli.run(main)
