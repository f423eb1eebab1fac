"""Attacks a trained classifier, image by image: DeepFool and the paper's attack, or Carlini-Wagner
with --carlini; certifies it with --certificates; checks its gradient with --checks.
"""
import os
import time

from utils import cli, hyperparameters
from utils.errors import check, check_choice
from utils.hyperparameters import TEST_PLACES
from utils.noise import Noise

import tensorflow.compat.v1 as tf
from absl import flags, logging

from attacks import ATTACKS
from attacks.targets import AIMS
from certificates import CERTIFICATES
from evaluation import attack_flags
from evaluation.certify import certify_run
from evaluation.folder import ResultFolder
from evaluation.judge import Judge, select_images, summarise_images
from evaluation.partial import test_key
from robustness.chosen import choose
from robustness.compare import ensemble_summary
from robustness.run_checks import check_run
from terminal.log import log_outcome, rho_text
from training.checkpoints import restore_variables
from training.gpu_memory import check_gpu_memory
from training.loading import load_run, tested_checkpoint
from training.lock import folder_lock
from training.provenance import provenance
from training.run_folder import RunFolder
from training.session import memory_bounded_by, session_config, start_graph_mode

FLAGS = flags.FLAGS

flags.DEFINE_string('load_dir', None, 'run folder that train.py wrote, such as runs_mlp/critic_s1, '
                    'or what export.py made of it')
flags.DEFINE_string('working_dir', 'test', 'folder of the results; they go to <working_dir>/<name '
                    'of the run folder>/')
flags.DEFINE_string('data_dir', None, 'folder of the dataset (default: as in training)')
flags.DEFINE_enum('split', 'test', ('train', 'validation', 'test'), 'which images to attack')
flags.DEFINE_integer('num_examples', None, 'attack only the first so many images of the split', 1)
flags.DEFINE_integer('batch_size', 100, 'images attacked at a time', 1)
flags.DEFINE_boolean('sort_labels', True, 'order the chosen images by label')
flags.DEFINE_list('attacks', 'deepfool,high_confidence', 'attacks to run, of ' +
                  ', '.join(sorted(ATTACKS)) + '; ensemble brings its members; may be empty with '
                  '--certificates or --checks')
flags.DEFINE_list('certificates', '', 'certified radii to compute, of ' +
                  ', '.join(sorted(CERTIFICATES)))
flags.DEFINE_integer('num_certified', 1000, 'certify only the first so many images of the split', 1)
flags.DEFINE_boolean('checks', False, 'check whether the gradient is masked')
flags.DEFINE_integer('num_checked', 100, 'check only the first so many images of the split', 1)
flags.DEFINE_string('transfer_from', None, 'run folder of an undefended network, whose '
                    'perturbations --checks tries too')
flags.DEFINE_boolean('carlini', False, 'run the Carlini-Wagner attack in place of --attacks')
flags.DEFINE_enum('targets', None, AIMS, 'aim at the class with the least logit, at a random one, '
                  'or at each in turn: all, the closest counts; each, every one is a row of the '
                  'results; with attacks that take targets')
flags.DEFINE_boolean('unfinished', False, 'test a run that has not trained all its epochs')
flags.DEFINE_boolean('resume', False, 'go on with the same test where it was; do nothing if it is '
                     'finished')
flags.DEFINE_boolean('overwrite', False, 'replace the results of another test in the folder')
flags.DEFINE_boolean('save_adv', False, 'save the adversarial images as adv_<attack>.npz')
flags.DEFINE_string('gpu_memory', '1', "fraction of a GPU's memory to take at once, or growth: "
                    'take it as it is needed')
GENERAL = [flag.name for flag in FLAGS.get_key_flags_for_module(__name__)]
TAKERS = attack_flags.takers_of(ATTACKS)
HYPERPARAMETERS = hyperparameters.define_flags(TAKERS, attack_flags.LOWEST)
flags.adopt_module_key_flags(hyperparameters)   # so that --help shows them


def given():
    """{flag: value} of the hyper-parameters that the command line gives."""
    present = {name: FLAGS[name].value for name in HYPERPARAMETERS if FLAGS[name].present}
    return attack_flags.read(TAKERS, present)


def chosen_attacks():
    """{name: Chosen} of the attacks to run, with their hyper-parameters from the flags."""
    check(FLAGS.load_dir, '--load_dir is missing; expected a run folder that train.py wrote')
    check(not (FLAGS.carlini and FLAGS['attacks'].present),
          '--carlini takes the place of --attacks; give one of them')
    names = ['carlini'] if FLAGS.carlini else FLAGS.attacks
    check(names or FLAGS.certificates or FLAGS.checks, '--attacks is empty; expected some of %s',
          ', '.join(sorted(ATTACKS)))
    for name in FLAGS.certificates:
        check_choice('--certificates', name, CERTIFICATES)
    return choose(names, given(), FLAGS.targets)


def settings_of(chosen):
    """What a summary records of a test: its flags and, attack by attack, the hyper-parameters."""
    return {'args': {name: FLAGS[name].value for name in GENERAL},
            'attacks': {name: hyperparameters.as_text(attack.settings)
                        for name, attack in chosen.items()}}


def key_of(settings, checkpoint, split):
    """What tells this test from another: weights, images, every setting but places, the versions
    of the packages, the code.
    """
    args = {name: value for name, value in settings['args'].items() if name not in TEST_PLACES}
    return test_key([provenance()['versions'], args, settings['attacks']], checkpoint, split)


def certify(folder, record, checkpoint, whole):
    """Writes the certificates of the first images into the folder of the results."""
    settings = {name: FLAGS[name].value
                for name in ('certificates', 'split', 'num_certified', 'sort_labels')}
    split, index = select_images(whole, FLAGS.num_certified, FLAGS.sort_labels)
    with folder_lock(folder):
        certify_run(folder, settings, record, checkpoint, split, index, resume=FLAGS.resume,
                    overwrite=FLAGS.overwrite)


def check_gradient(folder, record, checkpoint, whole):
    """Writes the checks for masked gradients on the first images into the folder of the results."""
    settings = {name: FLAGS[name].value for name in ('split', 'num_checked', 'sort_labels')}
    settings.update({name: attack_flags.resolve(name, ATTACKS[name], given())
                     for name in ('boundary', 'square')})
    split, _ = select_images(whole, FLAGS.num_checked, FLAGS.sort_labels)
    with folder_lock(folder):
        check_run(folder, settings, record, checkpoint, split, FLAGS.transfer_from,
                  resume=FLAGS.resume, overwrite=FLAGS.overwrite)


def attack(run, record, checkpoint, whole, chosen, model):
    """Writes the results of the attacks into their folder."""
    start = time.time()
    settings = settings_of(chosen)
    folder = ResultFolder(os.path.join(FLAGS.working_dir, run.name),
                          key_of(settings, checkpoint, whole))
    kept_images = chosen if FLAGS.save_adv else ()
    if folder.is_finished(kept_images, FLAGS.overwrite) and FLAGS.resume:
        logging.info('%s: is finished', folder.path)
        return
    times = record['num_classes'] - 1 if FLAGS.targets == 'each' else 1
    split, index = select_images(whole, FLAGS.num_examples, FLAGS.sort_labels, times)
    x = tf.placeholder(tf.float32, (None,) + split.x.shape[1:], name='x')
    y = tf.placeholder(tf.int32, [None], name='y')
    judge = Judge(model, x, y, chosen, slots=FLAGS.batch_size, noise=Noise(0))
    saver = tf.train.Saver(model.state)
    with tf.Session(config=session_config(FLAGS.gpu_memory)) as session:
        tf.get_default_graph().finalize()
        restore_variables(session, saver, checkpoint, model.state)
        with folder_lock(folder.path):
            partial = folder.prepare(FLAGS.resume)
            with memory_bounded_by('batch_size'):
                table, images = judge.run(session, split, index, partial, run.name)
                few, grids = judge.grids(session, split, images)
            summary = dict(summarise_images(table, split, images), **ensemble_summary(table))
            summary.update(train=record, test=dict(provenance(), **settings),
                           split_examples=len(whole.x), split_error=judge.error(session, whole))
            folder.keep_samples(split, table, images, few)
            folder.keep_images(split, {name: images[name] for name in kept_images})
            folder.write(run, table, summary, grids)
            partial.remove()
    log_outcome(run.name, summary['split_error'], rho_text(summary['attacks']),
                time.time() - start)


def main():
    """Run folder -> model -> attacks and certificates -> one row an image."""
    start_graph_mode()
    chosen = chosen_attacks()
    check_gpu_memory(FLAGS.gpu_memory)
    run = RunFolder(FLAGS.load_dir)
    data, model, record = load_run(run, FLAGS.data_dir)
    whole = getattr(data, FLAGS.split)
    checkpoint = tested_checkpoint(run, record['args'], FLAGS.unfinished)
    if chosen:
        attack(run, record, checkpoint, whole, chosen, model)
    folder = os.path.join(FLAGS.working_dir, run.name)
    if FLAGS.checks:
        check_gradient(folder, record, checkpoint, whole)
    if FLAGS.certificates:
        certify(folder, record, checkpoint, whole)


if __name__ == '__main__':
    cli.run(main)
