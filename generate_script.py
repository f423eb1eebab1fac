"""Prints the shell commands that train or test the defenses of Table 1: `python generate_script.py --train=True | bash`."""
import itertools
import os
import shlex
import shutil
import sys

from absl import flags

from utils import cli
from utils.errors import check_choice
from utils.files import read_json_lines

FLAGS = flags.FLAGS

flags.DEFINE_boolean('train', True, 'print the training commands; False prints the tests of what they train')
flags.DEFINE_boolean('carlini', False, "test with Carlini-Wagner in place of DeepFool and the paper's attack")
flags.DEFINE_enum('preset', 'paper', ('paper', 'short', 'demo'), 'paper: Table 1; short: the same recipe in 10 epochs; demo: the '
                  'bundled digits, minutes on a CPU')
flags.DEFINE_list('models', None, 'classifiers to train (default: those of the preset)')
flags.DEFINE_list('defenses', None, 'defenses to train (default: all of the preset)')
flags.DEFINE_integer('runs', None, 'independent runs of each, with the seeds seed, seed + 1, ...', lower_bound=1)
flags.DEFINE_integer('seed', 1, 'seed of the first run', lower_bound=0)
flags.DEFINE_integer('niter', None, 'epochs of training', lower_bound=1)
flags.DEFINE_string('data_dir', 'data', 'folder of the MNIST files')
flags.DEFINE_string('runs_dir', '.', 'the runs go to <runs_dir>/runs_<model>/')
flags.DEFINE_string('results_dir', '.', 'the results go to <results_dir>/test_<model>/ and, with --carlini, test_<model>_ca/')
flags.DEFINE_boolean('skip_done', False, 'leave out what is finished already: runs with all their epochs, tests with their summary')
flags.DEFINE_enum('launcher', 'bash', ('bash',), 'what runs the commands: bash, one after the other')

# Section 5; the weights that the paper leaves open for a baseline are in its defense's defaults.
ALL_DEFENSES = ('none', 'fgsm_at', 'vat', 'margin', 'critic')
CRITIC = dict(pretrain_niter=1, lmbd_rec_l2=0.01, lmbd_grad=10., critic_lr=1e-3, attack_iter=5, attack_overshoot=0.05,
              attack_confidence='class_running_mean')
HYPERPARAMETERS = {
    'none': {'*': dict(pretrain_niter=0)},
    'fgsm_at': {'*': dict(pretrain_niter=0, epsilon=0.1, lmbd=1.)},
    'vat': {'*': dict(pretrain_niter=0, epsilon=2., lmbd=1.)},
    'margin': {'*': dict(pretrain_niter=0, lmbd=0.1)},
    'pgd_at': {'*': dict(pretrain_niter=0)},   # beyond Table 1: only where --defenses names it
    'critic': {'*': CRITIC, 'mlp': dict(lmbd=0.5), 'lenet5': dict(lmbd=0.1)},
}
PRESETS = {
    'paper': dict(
        models=('mlp', 'lenet5'), runs=10, niter=100, decay=40, train=dict(dataset='mnist', lr=5e-4, batch_size=100),
        test=dict(attack_iter=500, attack_clip=0.1, hc_confidence='same'), carlini=dict(carlini_max_iter=1000)),
    'short': dict(
        models=('mlp', 'lenet5'), runs=1, niter=10, decay=4, train=dict(dataset='mnist', lr=5e-4, batch_size=100),
        test=dict(attack_iter=500, attack_clip=0.1, hc_confidence='same', num_examples=1000),
        carlini=dict(carlini_max_iter=1000, num_examples=1000)),
    'demo': dict(
        models=('mlp',), runs=1, niter=60, decay=24,
        train=dict(dataset='digits', lr=5e-4, batch_size=100, layer_dims='300-300-300', summary_frequency=10),
        test=dict(attack_iter=500, attack_clip=0.1, hc_confidence='same', num_examples=100),
        carlini=dict(carlini_max_iter=1000, num_examples=100)),
}
DECAYING = ('lr_decay_step', 'critic_lr_decay_step')


def python_command():
    """`python` where that is this interpreter, else the path of this interpreter."""
    found = shutil.which('python')
    return 'python' if found and os.path.realpath(found) == os.path.realpath(sys.executable) else sys.executable


def command(script, settings):
    """One shell-quoted command line that calls a script of this folder with --key=value for each setting."""
    path = os.path.relpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), script))
    words = [python_command(), path] + ['--%s=%s' % item for item in settings.items()]
    return ' '.join(shlex.quote(word) for word in words)


def train_settings(preset, model, defense, seed):
    """The flags of train.py for one run."""
    settings = dict(name=defense, seed=seed, data_dir=FLAGS.data_dir, train_dir=os.path.join(FLAGS.runs_dir, 'runs_' + model),
                    model=model, defense=defense)
    settings.update(preset['train'], niter=FLAGS.niter or preset['niter'])
    settings.update(HYPERPARAMETERS[defense]['*'], **HYPERPARAMETERS[defense].get(model, {}))
    decays = DECAYING if 'critic_lr' in settings else DECAYING[:1]
    settings.update({decay: preset['decay'] for decay in decays}, resume=True)
    return settings


def test_settings(preset, model, defense, seed):
    """The flags of test.py for one run."""
    suffix = '_ca' if FLAGS.carlini else ''
    settings = dict(load_dir=os.path.join(FLAGS.runs_dir, 'runs_' + model, '%s_s%d' % (defense, seed)), data_dir=FLAGS.data_dir,
                    working_dir=os.path.join(FLAGS.results_dir, 'test_' + model + suffix))
    settings.update(dict(carlini=True, **preset['carlini']) if FLAGS.carlini else preset['test'])
    return settings


def is_done(settings):
    """Whether what a command would do is finished, judged by the files that it leaves."""
    if 'load_dir' in settings:
        return os.path.exists(os.path.join(settings['working_dir'], os.path.basename(settings['load_dir']), 'summary.json'))
    run = os.path.join(settings['train_dir'], '%(name)s_s%(seed)d' % settings)
    return len(read_json_lines(os.path.join(run, 'metrics.jsonl'))) >= settings['niter'] + settings['pretrain_niter']


def commands():
    """Every command of the sweep, seed by seed, so that a first full table comes early."""
    preset = PRESETS[FLAGS.preset]
    models = FLAGS.models or preset['models']
    defenses = FLAGS.defenses or ALL_DEFENSES
    for flag, values, known in (('--models', models, ('mlp', 'lenet5')), ('--defenses', defenses, tuple(HYPERPARAMETERS))):
        for value in values:
            check_choice(flag, value, known)
    seeds = range(FLAGS.seed, FLAGS.seed + (FLAGS.runs or preset['runs']))
    script, settings = ('train.py', train_settings) if FLAGS.train else ('test.py', test_settings)
    for seed, model, defense in itertools.product(seeds, models, defenses):
        values = settings(preset, model, defense, seed)
        if not (FLAGS.skip_done and is_done(values)):
            yield command(script, values)


def main():
    """Prints the commands and nothing else."""
    for line in commands():
        print(line)


if __name__ == '__main__':
    cli.run(main)
