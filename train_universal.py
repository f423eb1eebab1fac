"""Trains a generator of universal perturbations against frozen classifiers (NAG, CVPR 2018)."""
import os
import types

from utils import cli, hyperparameters
from utils.errors import check
from utils.hyperparameters import select
from utils.noise import Noise

import tensorflow.compat.v1 as tf
from absl import flags, logging

from datasets import Split
from experiments.nag import NITER, TRAIN_SIZE
from models.generator import Generator
from terminal.log import log_to_file
from training.gpu_memory import check_gpu_memory
from training.lock import folder_lock
from training.loop import Graph, train
from training.optimizers import BETA1, adam
from training.provenance import provenance
from training.run_folder import RunFolder
from training.session import start_graph_mode
from training.step import build_steps
from universal import nag
from universal.frozen import GENERATOR, load_classifiers
from universal.monitor import Monitor

FLAGS = flags.FLAGS
HELD_OUT = 1000   # validation images of the paper

flags.DEFINE_list('load_dir', '', 'run folders of the classifiers, such as runs_mlp/none_s1; of '
                  'several, the sum of the losses is trained')
flags.DEFINE_string('name', None, 'name of the run (default: those of the classifiers and the '
                    'norm); with the seed it names the folder <train_dir>/<name>_s<seed>')
flags.DEFINE_integer('seed', 1, 'fixes weights, z and the order of the images', 0, 2 ** 32 - 1)
flags.DEFINE_string('data_dir', None, "folder of the dataset (default: as in the classifiers' "
                    'training)')
flags.DEFINE_string('train_dir', 'runs_nag', 'folder of the runs')
flags.DEFINE_integer('train_size', None, 'the first so many training images (default: %d, or all '
                     'where there are fewer)' % TRAIN_SIZE, 2)
flags.DEFINE_integer('batch_size', 32, 'training images in a step', 2)
flags.DEFINE_integer('test_batch_size', 100, 'images in a batch of an evaluation', 1)
flags.DEFINE_integer('niter', NITER, 'epochs of training; 7 of 10,000 images are 2191 steps', 0)
flags.DEFINE_float('lr', 1e-3, 'learning rate of Adam', 0.)
flags.DEFINE_float('beta1', BETA1, 'decay of the first moment of Adam', 0., 0.9999)
flags.DEFINE_integer('summary_frequency', 0, 'save pictures every so many epochs, and after the '
                     'last', 0)
flags.DEFINE_integer('checkpoint_frequency', 0, 'keep the checkpoint of every so manieth epoch for '
                     'good (0: only the last two)')
flags.DEFINE_boolean('unfinished', False, 'take a classifier that has not trained all its epochs')
flags.DEFINE_string('gpu_memory', '1', "fraction of a GPU's memory to take at once, or growth: "
                    'take it as it is needed')
flags.DEFINE_boolean('resume', False, 'continue the run if the folder holds one')
GENERAL = [flag.name for flag in FLAGS.get_key_flags_for_module(__name__)]
PLACES = ('load_dir', 'unfinished')   # the hash of the weights stands for them
TAKERS = dict(hyperparameters.takers('nag', nag.losses),
              **hyperparameters.takers('nag', Generator))
HYPERPARAMETERS = hyperparameters.define_flags({key: [taker] for key, taker in TAKERS.items()})
flags.adopt_module_key_flags(hyperparameters)   # so that --help shows them


def read_config(targets):
    """Every setting of the run, as args.json records it; the folders of the classifiers are places,
    and their weights' hashes stand for them.
    """
    config = {name: FLAGS[name].value for name in GENERAL if name not in PLACES}
    for key, taker in TAKERS.items():
        config[key] = FLAGS[key].value if FLAGS[key].present else taker.default
    first = targets[0].record['args']
    names = '+'.join(target.name for target in targets)
    config.update({key: first[key] for key in ('dataset', 'validation_size', 'defense')},
                  data_dir=config['data_dir'] or first['data_dir'], model=GENERATOR, layer_dims='',
                  activation_fn='relu', augment='', pretrain_niter=0, classifiers=names,
                  classifiers_sha256='+'.join(target.sha256 for target in targets))
    config['name'] = config['name'] or '%s_%s%g' % (names, config['universal_ord'], config['xi'])
    check(os.sep not in config['name'] and config['name'].isprintable(),
          '--name is %r; expected the name of a folder', config['name'])
    return config


def held_out(data, train_size):
    """The Dataset with the first `train_size` training (None: TRAIN_SIZE at most) and HELD_OUT
    validation images.
    """
    train_size = train_size or min(TRAIN_SIZE, len(data.train.x))
    check(train_size <= len(data.train.x), '--train_size is %d; there are %d training images',
          train_size, len(data.train.x))
    parts = {name: Split(*(part[:size] for part in getattr(data, name)))
             for name, size in (('train', train_size), ('validation', HELD_OUT))}
    return data._replace(**parts)


def build_graph(config, targets, data):
    """The generator, its losses under the frozen classifiers, the training step: (Graph, Monitor).
    """
    x = tf.placeholder(tf.float32, (None,) + data.test.x.shape[1:], name='x')
    y = tf.placeholder(tf.int32, [None], name='y')
    step = tf.get_variable('step', [], tf.int32, tf.zeros_initializer(), trainable=False,
                           use_resource=True)
    rate = tf.placeholder(tf.float32, [], 'lr')
    models = [target.model for target in targets]
    generator = Generator(data.test.x.shape[1:], config['seed'], **select(Generator, config))
    losses = nag.losses(generator, models, x, Noise(config['seed'], step.read_value()),
                        **select(nag.losses, config))
    steps = build_steps(losses, {GENERATOR: generator},
                        {GENERATOR: adam(rate, beta1=config['beta1'])}, y, step)
    monitor = Monitor(generator, models, x, y, data, config['test_batch_size'])
    return Graph(x, y, steps, {'lr': rate}, lambda epoch: {'lr': config['lr']}), monitor


def main():
    """Flags, classifiers, run folder, graph, loop."""
    start_graph_mode()
    check_gpu_memory(FLAGS.gpu_memory)
    data, targets = load_classifiers(FLAGS.load_dir, FLAGS.data_dir, FLAGS.unfinished)
    config = read_config(targets)
    data = held_out(data, config['train_size'])
    config['train_size'] = len(data.train.x)
    run = RunFolder(os.path.join(config['train_dir'], '%(name)s_s%(seed)d' % config))
    if config['resume'] and run.finished(config, config['niter']):
        logging.info('%s: is finished', run.path)
        return
    graph, monitor = build_graph(config, targets, data)
    with folder_lock(run.path):
        run.create(dict(provenance(), args=config, num_classes=data.num_classes,
                        image_shape=list(data.test.x.shape[1:])), config['resume'])
        log_to_file(run.log_path)
        train(run, types.SimpleNamespace(**config), data, graph, monitor)


if __name__ == '__main__':
    cli.run(main)
