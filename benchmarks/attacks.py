"""Images per CPU second, and rho, of the attacks against Foolbox and ART on the same weights and
images, one thread each.
"""
import collections
import importlib

import torch

from utils import cli
from utils.errors import check

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags, logging

from attacks import carlini_wagner, deepfool, high_confidence
from benchmarks import common, peers
from evaluation.results import relative_norms
from training.session import start_graph_mode

FLAGS = flags.FLAGS
OURS = 'ours'

flags.DEFINE_string('load_dir', None, 'run folder of an MLP or LeNet-5 on MNIST')
flags.DEFINE_string('data_dir', None, 'folder of the MNIST files (default: as in training)')
flags.DEFINE_integer('num_examples', 500, 'images for DeepFool', lower_bound=1)
flags.DEFINE_integer('carlini_examples', 100, 'images for Carlini-Wagner (0: leave it out)',
                     lower_bound=0)
flags.DEFINE_integer('paper_examples', 2000,
                     "images for the paper's test settings (0: leave them out)", lower_bound=0)
flags.DEFINE_float(
    'search_tolerance', 0.3,
    'Carlini-Wagner runs once more, each search over const ended at this relative width',
    lower_bound=0.)
flags.DEFINE_list('peers', 'foolbox,art',
                  'peers to measure; benchmarks/requirements.txt installs them')


# What every measurement needs: a session with the run's weights, its model and placeholders, the
# test images, the model in PyTorch.
Setting = collections.namedtuple('Setting', 'session model x y test twin')


def row(attack, who, seconds, images, x_adv, labels, twin):
    """A line of the table: rho counts r = 0 for an image that is wrong to begin with, and every
    other one as it was returned.
    """
    right = peers.correct_in_float64(twin, images, labels)
    fooled = right & ~peers.correct_in_float64(twin, x_adv, labels)
    rho = np.where(right, relative_norms(images, x_adv)[1], 0.)
    return [
        attack, who,
        len(images),
        '%d of %d' % (fooled.sum(), right.sum()),
        '%.4f' % rho.mean(),
        '%.2f' % seconds,
        '%.1f' % (len(images) / seconds)
    ]


def compare(attack, who, ours, theirs):
    """Our rho against a peer's, image by image, where both moved the image."""
    both = (ours > 0) & (theirs > 0)
    ratio = ours[both] / theirs[both]
    return "%s: rho over %s's: median %.4f; %d of %d images above 1.05, %d below 0.95" % (
        attack, who, np.median(ratio), np.sum(ratio > 1.05), len(ratio), np.sum(ratio < 0.95))


def our_attacks(setting):
    """{attack: {who: (images, labels) -> x_adv}} at the peers' settings; Carlini-Wagner also with a
    search that ends early.
    """
    tolerance = FLAGS.search_tolerance

    def call(attack, **settings):
        x_adv = attack(setting.model, setting.x, setting.y, **settings).x_adv
        return lambda images, labels: setting.session.run(x_adv,
                                                          {setting.x: images, setting.y: labels})

    return {
        'deepfool': {
            OURS: call(deepfool, max_iter=peers.DEEPFOOL['steps'],
                       overshoot=peers.DEEPFOOL['overshoot'], clip=0.)
        }, 'carlini': {
            OURS: call(carlini_wagner, **peers.CARLINI),
            '%s, search tolerance %g' % (OURS, tolerance): call(
                carlini_wagner, search_tolerance=tolerance, **peers.CARLINI)
        }
    }


def against_peers(setting, attack, contenders, n):
    """(lines of the table, remarks): each of the contenders, {who: (images, labels) -> x_adv}, on
    the first n images.
    """
    images, labels = setting.test.images(slice(n)), setting.test.y[:n]
    rows, times, rho = [], {}, {}
    for who, function in contenders.items():
        setting.twin.float()
        if attack == 'deepfool':
            function(images[:2], labels[:2])   # warms up
        times[who], x_adv = common.cpu_seconds(lambda: function(images, labels))
        rows.append(row(attack, who, times[who], images, x_adv, labels, setting.twin))
        rho[who] = relative_norms(images, x_adv)[1]
    own = [who for who in times if who.startswith(OURS)]
    rivals = [who for who in times if who not in own]
    remarks = ['%s, %s: %.1f times the images per CPU second of the best peer' % (
        attack, who, min(times[rival] for rival in rivals) / times[who]) for who in own if rivals]
    return rows, remarks + [
        compare(attack, rival, rho[OURS], rho[rival]) for rival in rivals if own
    ]


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
    rows = [
        row(name + ', 500 steps, clip 0.1', who, time, images, found, labels, setting.twin)
        for who, time, found in ((OURS, refilled_seconds, x_adv), ('every image kept', kept_seconds,
                                                                   x_kept))
    ]
    rho, rho_kept = (relative_norms(images, found)[1] for found in (x_adv, x_kept))
    moved = np.abs(x_adv - x_kept).reshape(len(images), -1).max(axis=1)
    return rows, [
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


def main():
    """Prints the table and, under it, the ratios to the best peer and to our own loop without
    refilling.
    """
    start_graph_mode()
    logging.set_verbosity(logging.WARNING)   # Foolbox 2 writes a line an iteration
    torch.set_num_threads(1)
    check(FLAGS.load_dir, '--load_dir is missing; expected a run folder that train.py wrote')
    session, model, test, x, y = common.load_network(FLAGS.load_dir, FLAGS.data_dir)
    setting = Setting(session, model, x, y, test, peers.TorchTwin(session, model))
    found, own = peers.peers(session, model, x, y, setting.twin, FLAGS.peers), our_attacks(setting)
    parts = []
    for attack, n in (('deepfool', FLAGS.num_examples), ('carlini', FLAGS.carlini_examples),
                      (peers.OWN_CARLINI, FLAGS.carlini_examples)):
        contenders = {
            name: functions[attack] for name, functions in found.items() if attack in functions
        }
        contenders.update(own.get(attack, {}))
        if n:
            parts.append(against_peers(setting, attack, contenders, n))
    for name, attack in (('deepfool', deepfool), ('high_confidence', high_confidence)):
        if FLAGS.paper_examples:
            parts.append(against_keeping(setting, name, attack, FLAGS.paper_examples))
    print(
        common.markdown(
            ['attack', 'who', 'images', 'successes in float64', 'rho', 'CPU s', 'images / CPU s'],
            [line for rows, _ in parts for line in rows]))
    print('\n' + '\n'.join('* ' + remark for _, remarks in parts for remark in remarks))
    print('* TensorFlow %s, PyTorch %s, one thread each, peak memory %.0f MiB' %
          (tf.__version__, torch.__version__, common.peak_memory()))


if __name__ == '__main__':
    cli.run(main)
