"""Images per CPU second, and rho, of the attacks against Foolbox and ART on the same weights and images, one thread each."""
import importlib

import torch   # before TensorFlow: see utils/grids.py

import common
import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags

import peers
from attacks import carlini_wagner, deepfool, high_confidence
from utils import cli
from utils.errors import check
from utils.log import start_graph_mode
from utils.results import relative_norms

FLAGS = flags.FLAGS

flags.DEFINE_string('load_dir', None, 'run folder of an MLP or LeNet-5 on MNIST')
flags.DEFINE_string('data_dir', None, 'folder of the MNIST files (default: as in training)')
flags.DEFINE_integer('num_examples', 500, 'images for DeepFool', lower_bound=1)
flags.DEFINE_integer('carlini_examples', 100, 'images for Carlini-Wagner (0: leave it out)', lower_bound=0)
flags.DEFINE_integer('paper_examples', 2000, "images for the paper's test settings (0: leave them out)", lower_bound=0)
flags.DEFINE_list('peers', 'foolbox,art', 'peers to measure; benchmarks/requirements.txt installs them')


def row(attack, who, seconds, images, x_adv, labels, twin):
    """A line of the table: rho counts r = 0 for an image that is wrong to begin with, and every other one as it was returned."""
    right = peers.correct_in_float64(twin, images, labels)
    fooled = right & ~peers.correct_in_float64(twin, x_adv, labels)
    rho = np.where(right, relative_norms(images, x_adv)[1], 0.)
    return [attack, who, len(images), '%d of %d' % (fooled.sum(), right.sum()), '%.4f' % rho.mean(), '%.2f' % seconds,
            '%.1f' % (len(images) / seconds)]


def compare(attack, who, ours, theirs):
    """Our rho against a peer's, image by image, where both moved the image."""
    both = (ours > 0) & (theirs > 0)
    ratio = ours[both] / theirs[both]
    return "%s: rho over %s's: median %.4f; %d of %d images above 1.05, %d below 0.95" % (
        attack, who, np.median(ratio), np.sum(ratio > 1.05), len(ratio), np.sum(ratio < 0.95))


def every_image_to_the_end(session, attack, x, y, images, labels, batch):
    """Our attack with all the images of a batch kept until the last is done: as many slots as images, one batch at a time."""
    found = []
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch)
        found.append(session.run(attack.x_adv, {x: images[rows], y: labels[rows]}))
    return np.concatenate(found)


def main():
    """Prints the table and, under it, the ratios to the best peer and to our own loop without refilling."""
    start_graph_mode()
    torch.set_num_threads(1)
    check(FLAGS.load_dir, '--load_dir is missing; expected a run folder that train.py wrote')
    session, model, test, x, y = common.load_run(FLAGS.load_dir, FLAGS.data_dir)
    twin = peers.TorchTwin(session, model)
    found = peers.peers(session, model, x, y, twin, FLAGS.peers)
    ours = {'deepfool': deepfool(model, x, y, max_iter=peers.DEEPFOOL['steps'], overshoot=peers.DEEPFOOL['overshoot'], clip=0.),
            'carlini': carlini_wagner(model, x, y, **peers.CARLINI)}
    table, ratios = [], []
    for attack, n in (('deepfool', FLAGS.num_examples), ('carlini', FLAGS.carlini_examples), (peers.OWN_CARLINI, FLAGS.carlini_examples)):
        contenders = {name: functions[attack] for name, functions in found.items() if attack in functions}
        if attack in ours:
            contenders['ours'] = lambda images, labels: session.run(ours[attack].x_adv, {x: images, y: labels})
        if n:
            against_peers(attack, contenders, test.images(slice(n)), test.y[:n], twin, table, ratios)
    for name, attack in (('deepfool', deepfool), ('high_confidence', high_confidence)):
        n = FLAGS.paper_examples
        if n:
            against_keeping(name, attack, session, model, x, y, test.images(slice(n)), test.y[:n], twin, table, ratios)
    print(common.markdown(['attack', 'who', 'images', 'successes in float64', 'rho', 'CPU s', 'images / CPU s'], table))
    print('\n' + '\n'.join('* ' + ratio for ratio in ratios))
    print('* TensorFlow %s, PyTorch %s, one thread each, peak memory %.0f MiB' % (tf.__version__, torch.__version__, common.peak_memory()))


def against_peers(attack, contenders, images, labels, twin, table, ratios):
    """Appends a line to the table for each contender, {who: (images, labels) -> x_adv}, and our ratios to the others."""
    times, rho = {}, {}
    for who, function in contenders.items():
        twin.float()
        function(images[:2], labels[:2]) if attack == 'deepfool' else None   # warms up
        times[who], x_adv = common.cpu_seconds(lambda: function(images, labels))
        table.append(row(attack, who, times[who], images, x_adv, labels, twin))
        rho[who] = relative_norms(images, x_adv)[1]
    rivals = [who for who in times if who != 'ours']
    if rivals and 'ours' in times:
        best = min(times[who] for who in rivals)
        ratios.append('%s: %.1f times the images per CPU second of the best peer' % (attack, best / times['ours']))
        ratios += [compare(attack, who, rho['ours'], rho[who]) for who in rivals]


def against_keeping(name, attack, session, model, x, y, images, labels, twin, table, ratios):
    """Appends two lines to the table, our attack with the paper's test settings and the same without refilling, and their ratio."""
    refilled = attack(model, x, y, slots=100)
    seconds, x_adv = common.cpu_seconds(lambda: every_image_to_the_end(session, refilled, x, y, images, labels, 500))
    x_kept, kept = kept_loop(session, name, model, x, y, images, labels)
    for who, time, found in (('ours', seconds, x_adv), ('every image kept', kept, x_kept)):
        table.append(row(name + ', 500 steps, clip 0.1', who, time, images, found, labels, twin))
    rho, rho_kept = (relative_norms(images, found)[1] for found in (x_adv, x_kept))
    moved = np.abs(x_adv - x_kept).reshape(len(images), -1).max(axis=1)
    ratios.append("%s: %.1f times as fast as keeping every image; largest difference of a pixel %.1e, in %d images above 1e-4; of an "
                  "image's rho %.1e" % (name, kept / seconds, moved.max(), np.sum(moved > 1e-4), np.abs(rho - rho_kept).max()))


def kept_loop(session, name, model, x, y, images, labels):
    """The same attack in batches of 100 whose images all stay, and are computed, until the last one is done."""
    module = importlib.import_module('attacks.' + name)
    refilling = module.run_active
    module.run_active = run_all
    try:
        attack = getattr(module, name)(model, x, y)
    finally:
        module.run_active = refilling
    seconds, x_adv = common.cpu_seconds(lambda: every_image_to_the_end(session, attack, x, y, images, labels, 100))
    return x_adv, seconds


def run_all(enter, step, results, n, slots):
    """attacks.active.run_active without leaving and refilling."""
    begin = enter(tf.range(n))

    def body(state, active):
        following, done = step(state)
        kept = [tf.where(active, new, old) for new, old in zip(following, state)]
        return type(state)(*kept), active & ~done
    state, _ = tf.while_loop(lambda state, active: tf.reduce_any(active), body, [begin, tf.fill([n], True)], back_prop=False,
                             parallel_iterations=1)
    return {result: getattr(state, result) for result in results}


if __name__ == '__main__':
    cli.run(main)
