"""Attacks a trained classifier, image by image: DeepFool and the paper's attack, or Carlini-Wagner
with --carlini.
"""
import glob
import os

from utils import cli

cli.quiet_tensorflow()

import numpy as np   # noqa: E402
import tensorflow.compat.v1 as tf   # noqa: E402
from absl import flags, logging   # noqa: E402

from attacks import ATTACKS   # noqa: E402
from attacks.unrolled import ORDS, parse_confidence   # noqa: E402
from attacks.high_confidence import TEST_EPSILON   # noqa: E402
from training.checkpoints import read_progress, restore_variables   # noqa: E402
from utils.errors import check, check_choice   # noqa: E402
from experiments.table1 import TEST_PLACES   # noqa: E402
from utils.files import atomic_write, make_folder, read_json, write_json   # noqa: E402
from figures.grids import save_grids   # noqa: E402
from training.loading import load_run   # noqa: E402
from utils.lock import folder_lock   # noqa: E402
from utils.session import check_gpu_memory, session_config, start_graph_mode   # noqa: E402
from utils.noise import Noise   # noqa: E402
from evaluation.partial import PartialResults, test_key   # noqa: E402
from utils.provenance import provenance   # noqa: E402
from evaluation.results import write_tsv   # noqa: E402
from training.run_folder import RunFolder   # noqa: E402
from evaluation.judge import Tester, select_images, summarise_images   # noqa: E402

FLAGS = flags.FLAGS
GRID = 100   # images in a sample grid

flags.DEFINE_string('load_dir', None, 'run folder that train.py wrote, such as runs_mlp/critic_s1')
flags.DEFINE_string('working_dir', 'test',
                    'folder of the results; they go to <working_dir>/<name of the run folder>/')
flags.DEFINE_string('data_dir', None, 'folder of the MNIST files (default: as in training)')
flags.DEFINE_enum('split', 'test', ('train', 'validation', 'test'), 'which images to attack')
flags.DEFINE_integer('num_examples', None, 'attack only the first so many images of the split',
                     lower_bound=1)
flags.DEFINE_integer('batch_size', 100, 'images attacked at a time', lower_bound=1)
flags.DEFINE_boolean('sort_labels', True, 'order the chosen images by label')
flags.DEFINE_list('attacks', 'deepfool,high_confidence',
                  'attacks to run, of ' + ', '.join(sorted(ATTACKS)))
flags.DEFINE_integer('attack_iter', 500, 'steps at most', lower_bound=1)
flags.DEFINE_float('attack_clip', 0.1,
                   'longest step of DeepFool and the paper\'s attack in l2 (0: no limit)',
                   lower_bound=0.)
flags.DEFINE_integer(
    'attack_candidates', None,
    'DeepFool: boundaries to so many of the likeliest classes count (default: to all)',
    lower_bound=2)
flags.DEFINE_boolean('attack_box_clip', True, 'project to [0, 1] after each step')
flags.DEFINE_float('attack_overshoot', 0.02, 'x_adv = x + (1 + overshoot) r', lower_bound=0.)
flags.DEFINE_string('hc_confidence', 'same',
                    "confidence C of the paper's attack: same, or a number in (0, 1]")
flags.DEFINE_float(
    'hc_epsilon', TEST_EPSILON,
    "epsilon under the root of ||w|| in the paper's attack; training and the published code have 1e-8, "
    'with which a confidence close to 1 is not reached', lower_bound=0.)
flags.DEFINE_float('attack_epsilon', 0.3, 'radius of fgsm, bim and pgd', lower_bound=0.)
flags.DEFINE_enum('attack_ord', 'linf', sorted(ORDS), 'norm of fgsm, bim and pgd')
flags.DEFINE_boolean('carlini', False, 'run the Carlini-Wagner attack in place of --attacks')
flags.DEFINE_integer('carlini_max_iter', 1000, 'Adam iterations for each constant', lower_bound=1)
flags.DEFINE_integer('carlini_binary_steps', 9, 'constants tried in the binary search',
                     lower_bound=1)
flags.DEFINE_float('carlini_confidence', 0., 'margin in logits', lower_bound=0.)
flags.DEFINE_float('carlini_learning_rate', 1e-2, "learning rate of the attack's Adam",
                   lower_bound=0.)
flags.DEFINE_float('carlini_initial_const', 1e-3, 'first constant of the binary search',
                   lower_bound=0.)
flags.DEFINE_float(
    'carlini_search_tolerance', 0.,
    'end a binary search whose bracket is narrower than this share of its upper '
    'end (0: never)', lower_bound=0.)
flags.DEFINE_boolean('unfinished', False, 'test a run that has not trained all its epochs')
flags.DEFINE_boolean('resume', False,
                     'go on with the same test where it was; do nothing if it is finished')
flags.DEFINE_boolean('overwrite', False, 'replace the results of another test in the folder')
flags.DEFINE_boolean('save_adv', False, 'save the adversarial images as adv_<attack>.npz')
flags.DEFINE_string(
    'gpu_memory', '1',
    "fraction of a GPU's memory to take at once, or growth: take it as it is needed")
GENERAL = [flag.name for flag in FLAGS.get_key_flags_for_module(__name__)]


def attack_settings():
    """(names of the attacks to run, {attack: its hyper-parameters, from the flags}, those of an
    attack that is not named there).
    """
    check(FLAGS.load_dir, '--load_dir is missing; expected a run folder that train.py wrote')
    check(not (FLAGS.carlini and FLAGS['attacks'].present),
          '--carlini takes the place of --attacks; give one of them')
    names = ['carlini'] if FLAGS.carlini else FLAGS.attacks
    check(names, '--attacks is empty; expected some of %s', ', '.join(sorted(ATTACKS)))
    for name in names:
        check_choice('--attacks', name, ATTACKS)
    box = dict(max_iter=FLAGS.attack_iter, box=FLAGS.attack_box_clip)
    steps = dict(box, overshoot=FLAGS.attack_overshoot, clip=FLAGS.attack_clip)
    ball = dict(box, epsilon=FLAGS.attack_epsilon, ord=ORDS[FLAGS.attack_ord])
    carlini = {
        key: FLAGS['carlini_' + key].value
        for key in ('max_iter', 'binary_steps', 'confidence', 'learning_rate', 'initial_const',
                    'search_tolerance')
    }
    return names, {
        'deepfool': dict(steps, candidates=FLAGS.attack_candidates),
        'high_confidence': dict(steps, confidence=parse_confidence(FLAGS.hc_confidence, ('same', )),
                                epsilon=FLAGS.hc_epsilon),
        'fgsm': ball,
        'bim': ball,
        'pgd': dict(ball, noise=Noise(0)),
        'carlini': carlini,
    }, dict(steps, **ball)


def settings_key(checkpoint, split):
    """What tells this test from another: weights, images, every flag but those of places, the
    versions of the packages, the code.
    """
    settings = {name: FLAGS[name].value for name in GENERAL if name not in TEST_PLACES}
    return test_key([provenance()['versions'], settings], checkpoint, split)


def is_finished(folder, names, key):
    """Whether the folder holds the results, whole, of the test with this key; raises UserError for
    those of another one.
    """
    path, images = os.path.join(
        folder, 'summary.json'), ['adv_%s.npz' % name for name in names if FLAGS.save_adv]
    if not os.path.exists(path):
        return False
    same = read_json(path).get('key') == key
    check(
        same or FLAGS.overwrite,
        '%s holds the results of another test (weights, images, settings, versions or code differ); '
        '--overwrite replaces them, another --working_dir keeps them', folder)
    return same and set(images) <= set(os.listdir(folder))


def newest_checkpoint(run, args):
    """The path of a run's newest checkpoint; raises UserError where there is none, or one of a run
    that is not finished.
    """
    checkpoint, epochs = run.latest_checkpoint(), args['niter'] + args['pretrain_niter']
    check(checkpoint is not None, '%s: holds no checkpoint', run.checkpoints)
    done = read_progress(checkpoint).epochs
    check(done >= epochs or FLAGS.unfinished,
          '%s: has trained %d of %d epochs; --unfinished tests it as it is', run.path, done, epochs)
    return checkpoint


def prepare_folder(folder, key):
    """Makes the folder of the results, without summary and images of an earlier test; returns what
    there is already of this one.
    """
    make_folder(os.path.join(folder, 'samples'))
    for path in [os.path.join(folder, 'summary.json')] + glob.glob(
            os.path.join(glob.escape(folder), 'adv_*.npz')):
        if os.path.exists(path):
            os.remove(path)
    return PartialResults(os.path.join(folder, 'partial'), key, FLAGS.resume)


def write_results(folder, run, table, summary, grids, split, images):
    """Writes everything that a test leaves in its folder; summary.json last, since it says that the
    test is whole.
    """
    save_grids({name: os.path.join(folder, 'samples', name + '.png') for name in grids}, grids)
    for name, x_adv in images.items() if FLAGS.save_adv else ():
        with atomic_write(os.path.join(folder, 'adv_%s.npz' % name), 'wb') as stream:
            np.savez_compressed(stream, x=split.x, x_adv=x_adv, y=split.y)
    run.copy_record(folder)
    write_tsv(os.path.join(folder, 'results.tsv'), table)
    write_json(os.path.join(folder, 'summary.json'), summary)


def attack_split(session, tester, split, index, partial):
    """Attacks the images: (table, {attack: x_adv}, {grid: images}), the grids of GRID images or
    fewer.
    """
    table, images = tester.run(session, split, index, FLAGS.attack_box_clip, partial)
    few = np.linspace(0, len(split.x) - 1, min(GRID, len(split.x))).astype(int)
    grids = dict({name: x_adv[few] for name, x_adv in images.items()}, orig=split.x[few])
    rec = tester.reconstruct(session, split.x[few], split.y[few])
    return table, images, grids if rec is None else dict(grids, rec=rec)


def main():
    """Run folder -> model -> attacks -> one row an image."""
    start_graph_mode()
    names, settings, common = attack_settings()
    check_gpu_memory(FLAGS.gpu_memory)
    settings = {name: settings.get(name, common) for name in set(names) | {'high_confidence'}}
    run = RunFolder(FLAGS.load_dir)
    data, model, record = load_run(run, FLAGS.data_dir)
    whole = getattr(data, FLAGS.split)
    checkpoint = newest_checkpoint(run, record['args'])
    folder = os.path.join(FLAGS.working_dir, os.path.basename(os.path.abspath(FLAGS.load_dir)))
    key = settings_key(checkpoint, whole)
    if is_finished(folder, names, key) and FLAGS.resume:
        logging.info('%s: is finished', folder)
        return
    split, index = select_images(whole, FLAGS.num_examples, FLAGS.sort_labels)
    x = tf.placeholder(tf.float32, (None,) + split.x.shape[1:], name='x')
    y = tf.placeholder(tf.int32, [None], name='y')
    tester = Tester(model, x, y, names, settings, settings['high_confidence']['confidence'],
                    FLAGS.batch_size)
    saver = tf.train.Saver(model.variables)
    with tf.Session(config=session_config(FLAGS.gpu_memory)) as session:
        tf.get_default_graph().finalize()
        restore_variables(session, saver, checkpoint, model.variables)
        with folder_lock(folder):
            partial = prepare_folder(folder, key)
            table, images, grids = attack_split(session, tester, split, index, partial)
            split_error = tester.error(session, whole)
            test = dict(provenance(), args={name: FLAGS[name].value for name in GENERAL})
            summary = dict(summarise_images(table, split, images), split_examples=len(whole.x),
                           split_error=split_error, train=record, test=test, key=key)
            write_results(folder, run, table, summary, grids, split, images)
            partial.remove()
    for name, attack in summary['attacks'].items():
        logging.info('%s: test error %.2f %%, rho %s under %s, %d failed', folder,
                     100 * split_error, attack['rho'], name, attack['failed'])


if __name__ == '__main__':
    cli.run(main)
