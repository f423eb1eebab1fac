"""The attacks against Foolbox, ART and adv-lib on the same weights and images, one thread each:
rho, how near each is to the smallest perturbation of all, images per CPU second.
"""
import collections
import importlib

import torch
import torchvision

from utils import cli
from utils.errors import check

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags, logging

from attacks import boundary, carlini_wagner, ddn, deepfool, high_confidence
from benchmarks import common, peers
from evaluation.results import relative_norms
from training.session import start_graph_mode

FLAGS = flags.FLAGS
OURS = 'ours'
HEADER = ['attack', 'who', 'images', 'successes in float64', 'rho', 'within 1 %, %',
          'within 5 %, %', 'CPU s', 'images / CPU s']

flags.DEFINE_string('load_dir', None, 'run folder of an MLP or LeNet-5 on MNIST')
flags.DEFINE_string('weights', None, 'weights.npz of an export of one, in place of --load_dir')
flags.DEFINE_string('data_dir', None, 'folder of the MNIST files (default: as in training)')
flags.DEFINE_integer('first', 0, 'leave out so many of the test images', lower_bound=0)
flags.DEFINE_integer('num_examples', 100, 'images for every attack', lower_bound=1)
flags.DEFINE_integer('paper_examples', 2000,
                     "images for the paper's test settings (0: leave them out)", lower_bound=0)
flags.DEFINE_float(
    'search_tolerance', 0.,
    'where it is not 0, Carlini-Wagner runs once more, each search over const ended at this '
    'relative width', lower_bound=0.)
flags.DEFINE_list('peers', None, 'peers to measure, of foolbox, art and, for a current Python, '
                  'advlib (default: all); benchmarks/requirements.txt installs them')
flags.DEFINE_list('only', None, 'attacks to measure, such as boundary,carlini (default: all)')

# What every measurement needs: a session with the run's weights, its model and placeholders, the
# test images, the model in PyTorch.
Setting = collections.namedtuple('Setting', 'session model x y test twin')

Measured = collections.namedtuple('Measured', 'attack who seconds rho fooled')
Measured.__doc__ = """One attack by one of the contenders: CPU seconds; rho [n], of r = 0 for an
image that is wrong to begin with and of what was returned for every other one; fooled [n] bool, the
right images whose class is another in float64."""


def our_attacks(setting):
    """{(attack, who): (images, labels) -> x_adv}, at the peers' settings."""
    def call(attack, **settings):
        x_adv = attack(setting.model, setting.x, setting.y, **settings).x_adv
        return lambda images, labels: setting.session.run(x_adv,
                                                          {setting.x: images, setting.y: labels})

    found = {
        ('boundary', OURS): call(boundary),
        ('boundary, none dropped', OURS): call(boundary, prune=0.),
        ('deepfool', OURS): call(deepfool, max_iter=peers.DEEPFOOL['steps'],
                                 overshoot=peers.DEEPFOOL['overshoot'], clip=0.),
        ('ddn', OURS): call(ddn),
        ('carlini', OURS): call(carlini_wagner, **peers.CARLINI),
    }
    if FLAGS.search_tolerance:
        who = '%s, search tolerance %g' % (OURS, FLAGS.search_tolerance)
        found['carlini', who] = call(carlini_wagner, search_tolerance=FLAGS.search_tolerance,
                                     **peers.CARLINI)
    return found


def measure(setting, attack, who, function, images, labels):
    """The Measured of a contender on these images."""
    setting.twin.float()
    if who == OURS:
        function(images[:2], labels[:2])   # TensorFlow's first run takes longer
    seconds, x_adv = common.cpu_seconds(lambda: function(images, labels))
    right = peers.correct_in_float64(setting.twin, images, labels)
    fooled = right & ~peers.correct_in_float64(setting.twin, x_adv, labels)
    return Measured(attack, who, seconds, np.where(right, relative_norms(images, x_adv)[1], 0.),
                    fooled)


def rows(measured, right):
    """The lines of the table; right [n] bool: the images that are right to begin with."""
    smallest = np.min([np.where(one.fooled, one.rho, np.inf) for one in measured], axis=0)
    lines = []
    for one in measured:
        near = [100 * np.mean(one.fooled[right] & (one.rho <= (1 + limit) * smallest)[right])
                for limit in (.01, .05)]
        lines.append([one.attack, one.who, len(right), '%d of %d' % (one.fooled.sum(), right.sum()),
                      '%.4f' % one.rho.mean(), '%.1f' % near[0], '%.1f' % near[1],
                      '%.2f' % one.seconds, '%.1f' % (len(right) / one.seconds)])
    return lines


def remarks(measured, right):
    """What the table comes to, as lines: ours against the same attack of the peers, and boundary
    against everything.
    """
    lines = []
    ours = {one.attack: one for one in measured if one.who == OURS}
    for one in measured:
        if one.who != OURS and one.attack in ours:
            own = ours[one.attack]
            both = own.fooled & one.fooled
            ratio = own.rho[both] / one.rho[both]
            lines.append(
                '%s: %.1f times the images per CPU second of %s; rho over its: median %.4f, '
                '%d of %d images above 1.05, %d below 0.95' % (
                    one.attack, one.seconds / own.seconds, one.who, np.median(ratio),
                    np.sum(ratio > 1.05), len(ratio), np.sum(ratio < 0.95)))
    own = ours.get('boundary')
    others = [np.where(one.fooled, one.rho, np.inf) for one in measured
              if not one.attack.startswith('boundary')]
    if own and others:
        smallest = np.min(others, axis=0)
        mean = np.where(right, smallest, 0.)[np.isfinite(smallest) | ~right].mean()
        lines.append(
            'boundary: rho %.4f of the smallest of all others; %d of %d images more than 5 %% '
            'above it' % (own.rho.mean() / mean, np.sum(own.rho[right] > 1.05 * smallest[right]),
                          right.sum()))
    if own and 'carlini' in ours:
        lines.append('boundary: rho %.4f of Carlini-Wagner\'s, at 1/%.1f of its CPU time' % (
            own.rho.mean() / ours['carlini'].rho.mean(), ours['carlini'].seconds / own.seconds))
    return lines


def against_keeping(setting, name, attack, n):
    """(lines of the table, remarks): our attack with the paper's test settings on n images, and the
    same without refilling.
    """
    images, labels = setting.test.images(slice(n)), setting.test.y[:n]
    refilled = attack(setting.model, setting.x, setting.y, slots=100)
    kept = built_to_keep(name, setting)
    refilled_seconds, x_adv = common.cpu_seconds(
        lambda: batch_by_batch(setting, refilled, images, labels, 500))
    kept_seconds, x_kept = common.cpu_seconds(
        lambda: batch_by_batch(setting, kept, images, labels, 100))
    right = peers.correct_in_float64(setting.twin, images, labels)
    lines = []
    for who, time, found in ((OURS, refilled_seconds, x_adv),
                             ('every image kept', kept_seconds, x_kept)):
        fooled = right & ~peers.correct_in_float64(setting.twin, found, labels)
        lines.append([name + ', 500 steps, clip 0.1', who, len(images),
                      '%d of %d' % (fooled.sum(), right.sum()),
                      '%.4f' % np.where(right, relative_norms(images, found)[1], 0.).mean(), '', '',
                      '%.2f' % time, '%.1f' % (len(images) / time)])
    rho, rho_kept = (relative_norms(images, found)[1] for found in (x_adv, x_kept))
    moved = np.abs(x_adv - x_kept).reshape(len(images), -1).max(axis=1)
    return lines, [
        "%s: %.1f times as fast as keeping every image; largest difference of a pixel %.1e, in %d "
        "images above 1e-4; of an "
        "image's rho %.1e" % (name, kept_seconds / refilled_seconds, moved.max(),
                              np.sum(moved > 1e-4), np.abs(rho - rho_kept).max())
    ]


def batch_by_batch(setting, attack, images, labels, batch):
    """x_adv of all the images, `batch` of them in a session.run."""
    found = []
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch)
        found.append(
            setting.session.run(attack.x_adv, {setting.x: images[rows], setting.y: labels[rows]}))
    return np.concatenate(found)


def built_to_keep(name, setting):
    """The attack of that module with every image of a batch kept, and computed, until the last one
    is done.
    """
    module = importlib.import_module('attacks.' + name)
    refilling = module.run_active
    module.run_active = run_all
    try:
        return getattr(module, name)(setting.model, setting.x, setting.y)
    finally:
        module.run_active = refilling


def run_all(enter, step, results, n, slots):
    """attacks.loop.run_active without leaving and refilling."""
    begin = enter(tf.range(n))

    def body(state, active):
        following, done = step(state)
        kept = [tf.where(active, new, old) for new, old in zip(following, state)]
        return type(state)(*kept), active & ~done

    state, _ = tf.while_loop(lambda state, active: tf.reduce_any(active), body,
                             [begin, tf.fill([n], True)], back_prop=False, parallel_iterations=1)
    return {result: getattr(state, result) for result in results}


def chosen(found, own):
    """{(attack, who): function} of ours and of the peers', those that --only names."""
    contenders = dict(own)
    for who, functions in found.items():
        contenders.update({(attack, who): function for attack, function in functions.items()})
    only = FLAGS.only or [attack.split(',')[0] for attack, _ in contenders]
    return {(attack, who): function for (attack, who), function in contenders.items()
            if attack.split(',')[0] in only}


def main():
    """Prints the table and, under it, what it comes to."""
    start_graph_mode()
    logging.set_verbosity(logging.WARNING)   # Foolbox 2 writes a line an iteration
    torch.set_num_threads(1)
    check(bool(FLAGS.load_dir) != bool(FLAGS.weights), 'expected --load_dir, a run folder that '
          'train.py wrote, or --weights, a weights.npz')
    load = common.load_network if FLAGS.load_dir else common.load_export
    session, model, test, x, y = load(FLAGS.load_dir or FLAGS.weights, FLAGS.data_dir)
    setting = Setting(session, model, x, y, test, peers.TorchTwin(session, model))
    some = slice(FLAGS.first, FLAGS.first + FLAGS.num_examples)
    images, labels = test.images(some), np.int32(test.y[some])
    found = peers.peers(session, model, x, y, setting.twin, FLAGS.peers)
    measured = []
    for (attack, who), function in chosen(found, our_attacks(setting)).items():
        measured.append(measure(setting, attack, who, function, images, labels))
        logging.warning('%s, %s: %.1f CPU s', attack, who, measured[-1].seconds)
    right = peers.correct_in_float64(setting.twin, images, labels)
    parts = [(rows(measured, right), remarks(measured, right))]
    for name, attack in (('deepfool', deepfool), ('high_confidence', high_confidence)):
        if FLAGS.paper_examples:
            parts.append(against_keeping(setting, name, attack, FLAGS.paper_examples))
    print(common.markdown(HEADER, [line for lines, _ in parts for line in lines]))
    print('\n' + '\n'.join('* ' + remark for _, said in parts for remark in said))
    # torchvision, which peers use, crashes where it is first imported after TensorFlow.
    print('* TensorFlow %s, PyTorch %s, torchvision %s, one thread each, peak memory %.0f MiB' %
          (tf.__version__, torch.__version__, torchvision.__version__, common.peak_memory()))


if __name__ == '__main__':
    cli.run(main)
