"""Trains a classifier with one of the defenses of Table 1; `--defense=critic` is the paper's
(section 4).
"""
import os
import types

from utils import cli

cli.quiet_tensorflow()

import tensorflow.compat.v1 as tf   # noqa: E402
from absl import flags, logging   # noqa: E402

import defenses   # noqa: E402
from attacks.unrolled import Generator   # noqa: E402
from critic import build_critic, critic_learning_rate   # noqa: E402
from models import MODELS, build_model, default_layer_dims   # noqa: E402
from datasets import load_dataset   # noqa: E402
from utils.errors import check   # noqa: E402
from evaluation.monitor import Evaluation   # noqa: E402
from utils.session import check_gpu_memory, log_to_file, start_graph_mode   # noqa: E402
from training.loop import Trainer   # noqa: E402
from utils.lock import folder_lock   # noqa: E402
from utils.noise import Noise   # noqa: E402
from utils.provenance import provenance   # noqa: E402
from training.run_folder import RunFolder   # noqa: E402
from training.schedule import DECAYS, learning_rate   # noqa: E402
from utils.hyperparameters import select   # noqa: E402
from training.step import BETA1, build_steps   # noqa: E402

FLAGS = flags.FLAGS

flags.DEFINE_string(
    'name', None,
    'name of the run, the defense by default; with the seed it names the folder <train_dir>/<name>_s<seed>'
)
flags.DEFINE_integer('seed', 1, 'fixes weights, noise and the order of the images', lower_bound=0,
                     upper_bound=2**32 - 1)
flags.DEFINE_string(
    'dataset', 'digits',
    'digits, mnist, fashion_mnist, or the path of an .npz with x_train y_train x_test y_test')
flags.DEFINE_string('data_dir', 'data',
                    'folder of the MNIST files; they are fetched if they are not there')
flags.DEFINE_string('train_dir', 'runs', 'folder of the runs')
flags.DEFINE_string('model', 'mlp', 'architecture of the classifier: ' + ', '.join(sorted(MODELS)))
flags.DEFINE_string(
    'layer_dims', None,
    'units of the hidden dense layers joined by "-" (mlp: 1200-1200-1200, lenet5: 512)')
flags.DEFINE_string('activation_fn', 'relu', 'activation of the classifier')
flags.DEFINE_string('defense', 'critic', 'the defense: ' + ', '.join(sorted(defenses.DEFENSES)))
flags.DEFINE_integer('batch_size', 100, 'training images in a step', lower_bound=1)
flags.DEFINE_integer('test_batch_size', 100, 'images in a batch of an evaluation', lower_bound=1)
flags.DEFINE_integer('validation_size', None,
                     'training images that validate (default: a sixth, 10,000 of MNIST)',
                     lower_bound=1)
flags.DEFINE_integer('pretrain_niter', 1, 'epochs of pretraining without a defense', lower_bound=0)
flags.DEFINE_integer('niter', 100, 'epochs of training', lower_bound=0)
flags.DEFINE_float('weight_decay', 0., 'weight of the sum of squared hidden weights over 2',
                   lower_bound=0.)
flags.DEFINE_float('beta1', BETA1,
                   "decay of the first moment in the classifier's and the critic's Adam",
                   lower_bound=0., upper_bound=0.9999)
flags.DEFINE_float('lr', 5e-4, "learning rate of the classifier's Adam", lower_bound=0.)
flags.DEFINE_enum('lr_decay', 'step', DECAYS,
                  'step: every lr_decay_step epochs; exp: every epoch; no: never')
flags.DEFINE_float('lr_decay_factor', 0.5, 'the learning rate is multiplied by this',
                   lower_bound=0.)
flags.DEFINE_integer('lr_decay_step', 40, 'every so many epochs', lower_bound=1)
flags.DEFINE_integer('summary_frequency', 1,
                     'attack validation images and save sample grids every so many epochs',
                     lower_bound=0)
flags.DEFINE_integer(
    'checkpoint_frequency', 0,
    'keep the checkpoint of every so manieth epoch for good (0: only the last two)')
flags.DEFINE_string(
    'gpu_memory', '1',
    "fraction of a GPU's memory to take at once, or growth: take it as it is needed")
flags.DEFINE_boolean('resume', False, 'continue the run if the folder holds one')
GENERAL = [flag.name for flag in FLAGS.get_key_flags_for_module(__name__)]


def define_hyperparameter_flags():
    """One flag for each hyper-parameter of any defense; unset ones take the default of the defense
    that is trained.
    """
    define = {
        bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float,
        str: flags.DEFINE_string
    }
    takers = {}
    for name in sorted(defenses.DEFENSES):
        for key, (default, text) in defenses.hyperparameters(name).items():
            takers.setdefault(key, []).append((name, default, text))
    for key, uses in sorted(takers.items()):
        text = '; '.join('%s (%s: %s)' % (text, name, default) for name, default, text in uses)
        kind = type(uses[0][1])
        bounds = {'lower_bound': 0} if kind in (int, float) else {}
        define[kind](key, None, text, **bounds)
    return sorted(takers)


HYPERPARAMETERS = define_hyperparameter_flags()


def read_config():
    """The flags as (config, hyper): the general settings as attributes, and every hyper-parameter
    of the defense.
    """
    config = types.SimpleNamespace(**{name: FLAGS[name].value for name in GENERAL})
    given = {name: FLAGS[name].value for name in HYPERPARAMETERS if FLAGS[name].value is not None}
    hyper = defenses.resolve(config.defense, given)
    config.name = config.name or config.defense
    check(os.sep not in config.name, '--name is %r; expected the name of a folder', config.name)
    config.layer_dims = config.layer_dims or default_layer_dims(config.model)
    check_gpu_memory(config.gpu_memory)
    return config, hyper


def main():
    """Section 4, top to bottom: f, A_f, D, the losses, the training step, the loop."""
    start_graph_mode()
    config, hyper = read_config()

    data = load_dataset(config.dataset, config.data_dir, config.validation_size)
    config.validation_size = len(data.validation.x)
    run, args = RunFolder(os.path.join(config.train_dir,
                                       '%s_s%d' % (config.name, config.seed))), dict(
                                           vars(config), **hyper)
    if config.resume and run.finished(args, config.pretrain_niter + config.niter):
        logging.info('%s: is finished', run.path)
        return
    x = tf.placeholder(tf.float32, (None,) + data.train.x.shape[1:], name='x')
    y = tf.placeholder(tf.int32, [None], name='y')
    step = tf.get_variable('step', shape=[], dtype=tf.int32, initializer=tf.zeros_initializer(),
                           trainable=False, use_resource=True)
    noise = Noise(config.seed, step.read_value())

    model = build_model(config.model, data.num_classes, config.seed, config.layer_dims,
                        config.activation_fn)   # f
    attack = Generator(model, noise, **select(Generator, hyper))   # A_f, eq. 7
    critic = build_critic(data.num_classes, config.seed, **select(build_critic,
                                                                  hyper))   # D, figure 3
    losses = defenses.build_losses(config.defense, hyper, model=model, attack=attack, critic=critic,
                                   x=x, y=y, noise=noise)
    steps, rates = build_steps(losses, model, critic, y, step, config.weight_decay,
                               config.beta1)   # eqs. 4-6
    evaluation = Evaluation(model, losses.logits, x, y, losses.diagnostics, data,
                            config.test_batch_size)

    def rates_of(epoch):
        return (learning_rate(epoch, config.lr, config.lr_decay, config.lr_decay_factor,
                              config.lr_decay_step),
                critic_learning_rate(epoch, config.lr_decay, **select(critic_learning_rate, hyper)))

    rates_of(1)   # a schedule that cannot be is an error before anything is written

    with folder_lock(run.path):
        run.create(
            dict(provenance(), args=args, num_classes=data.num_classes,
                 image_shape=list(data.train.x.shape[1:])), config.resume)
        log_to_file(run.log_path)
        Trainer(config, run, data, x, y, steps, rates, rates_of, evaluation).run()


if __name__ == '__main__':
    cli.run(main)
