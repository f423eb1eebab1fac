"""Prints the shell commands that train or test the defenses of Table 1, or those of another preset:
`python generate_script.py --train=True | bash`.
"""
import itertools
import os
import shutil
import sys

from utils import cli
from utils.errors import check, check_choice
from utils.files import read_json_lines

from absl import flags

from experiments import cross_lipschitz, intriguing, nag, table1
from experiments.launchers import LAUNCHERS
from experiments.table1 import DECAYING, DEFENSES, HYPERPARAMETERS, decay_step
from training.gpu_memory import check_gpu_memory

FLAGS = flags.FLAGS
LAST_SEED = 2 ** 32 - 1
PRESETS = dict(table1.PRESETS, **cross_lipschitz.PRESETS, **nag.PRESETS, **intriguing.PRESETS)
MODELS = table1.MODELS + ('mlp1', 'resnet32', 'fc', 'autoencoder')

flags.DEFINE_boolean('train', True,
                     'print the training commands; False prints the tests of what they train')
flags.DEFINE_boolean('carlini', False,
                     "test with Carlini-Wagner in place of DeepFool and the paper's attack")
flags.DEFINE_boolean('ensemble', False, "test with the ensemble, to which DeepFool and the paper's "
                     'attack belong, in place of these two alone')
flags.DEFINE_enum(
    'preset', 'paper', sorted(PRESETS),
    'paper: Table 1; short: the same recipe in 10 epochs; demo: the bundled '
    'digits, minutes on a CPU; tune: the candidates for what the paper leaves open; '
    'cross_lipschitz, cross_lipschitz_short: the regularisers of Hein & Andriushchenko on their '
    'network; nag: universal perturbations of the classifiers that paper trains; intriguing, '
    'intriguing_short: the networks of Szegedy et al., attacked with L-BFGS')
flags.DEFINE_list('models', None, 'classifiers to train (default: those of the preset)')
flags.DEFINE_list('defenses', None, 'defenses to train (default: all of the preset)')
flags.DEFINE_integer('runs', None, 'independent runs of each, with the seeds seed, seed + 1, ...',
                     lower_bound=1)
flags.DEFINE_integer('seed', 1, 'seed of the first run', lower_bound=0, upper_bound=LAST_SEED)
flags.DEFINE_integer(
    'niter', None,
    'epochs of training; the learning rates are halved after every 2 of 5, as in section 5',
    lower_bound=1)
flags.DEFINE_string('data_dir', 'data', 'folder of the files of the dataset')
flags.DEFINE_string(
    'runs_dir', None, 'the runs go to <runs_dir>/runs_<model>/ (default: ' +
    ', '.join('%s for %s' % (preset['folder'], name)
              for name, preset in sorted(PRESETS.items())) + ')')
flags.DEFINE_string(
    'results_dir', None,
    'the results go to <results_dir>/test_<model>/ and, with --carlini, test_<model>_ca/ '
    '(default: the '
    'same)')
flags.DEFINE_boolean(
    'skip_done', False,
    'leave out what is finished already: runs with all their epochs, tests with their summary')
flags.DEFINE_enum(
    'launcher', 'bash', sorted(LAUNCHERS),
    'what runs the commands: bash, one after the other; parallel: the input of GNU '
    'parallel; slurm: a job array for sbatch')
flags.DEFINE_integer(
    'gpus', 1,
    "parallel: the GPUs of this machine, for the job slots in turn; slurm: at most so many tasks "
    "at a time, "
    'one GPU each (0: none)', lower_bound=0)
flags.DEFINE_string(
    'gpu_memory', None,
    "passed on: a fraction of a GPU's memory, or growth, so that several runs share a card")


def python_command():
    """`python` where that is this interpreter, else the path of this interpreter."""
    found = shutil.which('python')
    return 'python' if found and os.path.abspath(found) == os.path.abspath(
        sys.executable) else sys.executable


def command(script, settings):
    """The words of a command that calls a script of this folder with --key=value for each setting.
    """
    path = os.path.relpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), script))
    words = [python_command(), path] + ['--%s=%s' % item for item in settings.items()]
    for word in words:
        check('\n' not in word, '%r has a line break; expected names and paths of one line', word)
    return words


def run_name(defense, variant):
    """The name of a run: that of the variant or else the defense and, where a preset tries several
    settings, the values tried.
    """
    if 'name' in variant:
        return variant['name']
    return '_'.join([defense] + ['%s%s' % item for item in sorted(variant.items())])


def train_settings(preset, model, defense, seed, variant):
    """The flags of train.py for one run."""
    settings = dict(name=run_name(defense, variant), seed=seed, data_dir=FLAGS.data_dir,
                    train_dir=os.path.join(FLAGS.runs_dir or preset['folder'],
                                           'runs_' + model), model=model, defense=defense)
    settings.update(preset['train'], niter=FLAGS.niter or preset['niter'])
    hyper = preset.get('hyper', HYPERPARAMETERS).get(defense, {})
    settings.update(dict(dict(pretrain_niter=0), **hyper.get('*', {})), **hyper.get(model, {}))
    decays = DECAYING if defense == 'critic' else DECAYING[:1]
    if settings.get('lr_decay') == 'points':   # the same fractions of any number of epochs
        decays = ()
    settings.update({decay: decay_step(settings['niter']) for decay in decays}, resume=True,
                    **variant)
    return settings


def test_settings(preset, model, defense, seed, variant):
    """The flags of test.py for one run."""
    suffix = '_ca' if FLAGS.carlini else ''
    run = '%s_s%d' % (run_name(defense, variant), seed)
    settings = dict(
        load_dir=os.path.join(FLAGS.runs_dir or preset['folder'], 'runs_' + model, run),
        data_dir=FLAGS.data_dir, working_dir=os.path.join(FLAGS.results_dir or preset['folder'],
                                                          'test_' + model + suffix))
    settings.update(
        dict(carlini=True, **preset['carlini']) if FLAGS.carlini else preset['test'], resume=True)
    settings.update(dict(attacks='ensemble') if FLAGS.ensemble else {})
    return settings


def made_by(settings):
    """The folder that a command fills: of its run, or of the results of its test."""
    if 'working_dir' in settings:
        names = [os.path.basename(settings[key]) for key in ('universal', 'load_dir')
                 if key in settings]
        return os.path.join(settings['working_dir'], '@'.join(names))
    return os.path.join(settings['train_dir'], '%(name)s_s%(seed)d' % settings)


def is_done(settings):
    """Whether what a command would do is finished, judged by the files that it leaves."""
    folder = made_by(settings)
    if 'working_dir' in settings:
        name = 'universal.json' if 'universal' in settings else 'summary.json'
        return os.path.exists(os.path.join(folder, name))
    epochs = len(read_json_lines(os.path.join(folder, 'metrics.jsonl')))
    return epochs >= settings['niter'] + settings.get('pretrain_niter', 0) and os.path.exists(
        os.path.join(folder, 'samples', 'curves.png'))


def variants(preset, model, defense):
    """The settings that a preset tries of a defense or of a model beside each other."""
    found = preset.get('variants', ({},))
    return found.get(model, found.get(defense, ({},))) if isinstance(found, dict) else found


def chosen(flag, preset, choices):
    """What --models or --defenses names, or the preset where it is not given."""
    names = preset[flag] if FLAGS[flag].value is None else FLAGS[flag].value
    check(names, '--%s is empty; expected some of %s', flag, ', '.join(choices))
    for name in names:
        check_choice('--' + flag, name, choices)
    check(len(set(names)) == len(names), '--%s names one twice: %s', flag, ','.join(names))
    return names


def commands():
    """(the folder that it fills, its words) of every command of the sweep, seed by seed, so that a
    first full table comes early.
    """
    preset = PRESETS[FLAGS.preset]
    models = chosen('models', preset, MODELS)
    defenses = chosen('defenses', preset, DEFENSES)
    runs = FLAGS.runs or preset['runs']
    last = FLAGS.seed + runs - 1
    check(last <= LAST_SEED, '--seed=%d and %d runs end with the seed %d; expected at most %d',
          FLAGS.seed, runs, last, LAST_SEED)
    seeds = range(FLAGS.seed, last + 1)
    sweep = universal_sweep if FLAGS.preset in nag.PRESETS else classifier_sweep
    for script, values in sweep(preset, models, defenses, seeds):
        values.update({} if FLAGS.gpu_memory is None else dict(gpu_memory=FLAGS.gpu_memory))
        if not (FLAGS.skip_done and is_done(values)):
            yield made_by(values), command(script, values)


def classifier_sweep(preset, models, defenses, seeds):
    """(script, its flags) of classifiers, or of their tests."""
    script, settings = ('train.py', train_settings) if FLAGS.train else ('test.py', test_settings)
    tried = [(model, defense, variant) for model in models for defense in defenses
             for variant in variants(preset, model, defense)]
    for seed, (model, defense, variant) in itertools.product(seeds, tried):
        yield script, settings(preset, model, defense, seed, variant)


def universal_sweep(preset, models, defenses, seeds):
    """(script, its flags) of generators of universal perturbations, or of their measurements."""
    check(not (FLAGS.carlini or FLAGS.ensemble), '--preset=%s is tested by test.py --universal; '
          'expected no --carlini and no --ensemble', FLAGS.preset)
    root = FLAGS.runs_dir or preset['folder']
    for seed, model in itertools.product(seeds, models):
        first = seed == seeds[0]
        for defense, values in nag.generators(defenses, first):
            if FLAGS.train:
                yield 'train_universal.py', dict(nag.train_settings(
                    defense, values, seed, model, root=root, niter=FLAGS.niter or preset['niter']),
                    data_dir=FLAGS.data_dir)
                continue
            for found in nag.measure_settings(defense, values, seed, model, defenses, root=root,
                                              results=FLAGS.results_dir or preset['folder'],
                                              first=first):
                yield 'test.py', dict(found, data_dir=FLAGS.data_dir)


def main():
    """Prints what the launcher reads, and nothing else."""
    check(not (FLAGS.train and FLAGS.carlini),
          '--carlini is a test; expected --train=False with it')
    check(not FLAGS.ensemble or not (FLAGS.train or FLAGS.carlini),
          '--ensemble is a test without Carlini-Wagner; expected --train=False --carlini=False')
    check(
        not (FLAGS.skip_done and FLAGS.launcher == 'slurm'),
        '--skip_done does not go with --launcher=slurm, where a test waits for the '
        'training with its number; what is done returns at once')
    if FLAGS.gpu_memory is not None:
        check_gpu_memory(FLAGS.gpu_memory)
    sys.stdout.reconfigure(errors='surrogateescape')   # a path is printed as it is or not at all
    name = 'train' if FLAGS.train else 'carlini' if FLAGS.carlini else 'test'
    lines = LAUNCHERS[FLAGS.launcher](commands(), name, FLAGS.gpus)
    sys.stdout.write(''.join(line + '\n' for line in lines))   # all of them or none


if __name__ == '__main__':
    cli.run(main)
