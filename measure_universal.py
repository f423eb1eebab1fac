"""Measures a generator of universal perturbations on a classifier, the one that it is made for or
another; and beside it perturbations of the same norm that cost little.
"""
import os
import time

from utils import cli
from utils.errors import check, check_choice
from utils.files import atomic_write, make_folder, read_json, write_json

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags, logging

from datasets import Split
from evaluation.export import without_places
from evaluation.partial import test_key
from figures.grids import save_grids
from terminal.log import log_outcome
from training.gpu_memory import check_gpu_memory
from training.lock import folder_lock
from training.provenance import provenance
from training.session import memory_bounded_by, session_config, start_graph_mode
from universal.frozen import load_classifiers, load_generator
from universal.measure import Measured, measure_baselines, measure_generator
from universal.monitor import SHOWN, shades
from universal.uap import BASELINES

FLAGS = flags.FLAGS
COLUMNS = 10   # of a picture

flags.DEFINE_string('load_dir', None, 'run folder of the classifier, that train.py wrote')
flags.DEFINE_string('universal', None, 'run folder of the generator, that train_universal.py wrote')
flags.DEFINE_integer('universal_deltas', 100, 'perturbations to draw (the paper: 100 on their own '
                     'classifier, 10 on another)', 1)
flags.DEFINE_list('baselines', '', 'other perturbations of the same norm, of ' +
                  ', '.join(BASELINES))
flags.DEFINE_string('working_dir', 'test_nag', 'folder of the results; they go to '
                    '<working_dir>/<generator>@<classifier>/')
flags.DEFINE_string('data_dir', None, "folder of the dataset (default: as in the classifier's "
                    'training)')
flags.DEFINE_integer('num_examples', None, 'only the first so many test images', 1)
flags.DEFINE_integer('batch_size', 500, 'images in a batch', 1)
flags.DEFINE_integer('seed', 1, 'fixes z', 0, 2 ** 32 - 1)
flags.DEFINE_boolean('unfinished', False, 'take a classifier that has not trained all its epochs')
flags.DEFINE_string('gpu_memory', '1', "fraction of a GPU's memory to take at once, or growth: "
                    'take it as it is needed')
flags.DEFINE_boolean('resume', False, 'do nothing if the same measurement is finished')
flags.DEFINE_boolean('overwrite', False, 'replace the results of another measurement in the folder')
NUMBERS = ('universal_deltas', 'baselines', 'num_examples', 'seed')   # flags that change a number


def check_flags():
    """Raises UserError for flags that are missing or cannot be."""
    for name, script in (('load_dir', 'train.py'), ('universal', 'train_universal.py')):
        check(FLAGS[name].value, '--%s is missing; expected a run folder that %s wrote', name,
              script)
    for name in FLAGS.baselines:
        check_choice('--baselines', name, BASELINES)
    check_gpu_memory(FLAGS.gpu_memory)


def is_finished(path, key):
    """Whether a universal.json is that of this measurement; raises UserError for another one's."""
    if not os.path.exists(path):
        return False
    same = read_json(path).get('key') == key
    check(same or FLAGS.overwrite, '%s holds another measurement (weights, images, settings or '
          'code differ); --overwrite replaces it, another --working_dir keeps it', path)
    return same


def measure(target, generator, data, split):
    """({part of universal.json: its contents}, perturbations [m, h, w, c])."""
    args = generator.record['args']
    with tf.Session(config=session_config(FLAGS.gpu_memory)) as session:
        with memory_bounded_by('batch_size'):
            measured = Measured(session, target.model, split, data.num_classes, FLAGS.batch_size)
            found, deltas = measure_generator(session, generator.model, measured,
                                              latent=args['latent'], seed=FLAGS.seed,
                                              count=FLAGS.universal_deltas)
            baselines = {}
            if FLAGS.baselines:
                train = Split(*(part[:args['train_size']] for part in data.train))
                baselines = measure_baselines(
                    session, target.model, measured, FLAGS.baselines, train, xi=args['xi'],
                    ord=args['universal_ord'], seed=FLAGS.seed, num_classes=data.num_classes)
    return dict(generator=found, baselines=baselines, clean_error=measured.error()), deltas


def main():
    """Classifier and generator -> universal.json, deltas.npz and pictures."""
    start_graph_mode()
    start = time.time()
    check_flags()
    data, (target,) = load_classifiers([FLAGS.load_dir], FLAGS.data_dir, FLAGS.unfinished)
    generator = load_generator(FLAGS.universal)
    check(generator.record['image_shape'] == target.record['image_shape'],
          '%s: makes images of %s; those of %s are %s', FLAGS.universal,
          generator.record['image_shape'], FLAGS.load_dir, target.record['image_shape'])
    split = Split(*(part[:FLAGS.num_examples] for part in data.test))
    settings = {name: FLAGS[name].value for name in NUMBERS}
    key = test_key([provenance()['versions'], settings, target.sha256], generator.checkpoint, split)
    name = '%s@%s' % (generator.name, target.name)
    folder = os.path.join(FLAGS.working_dir, name)
    path = os.path.join(folder, 'universal.json')
    if is_finished(path, key) and FLAGS.resume:
        logging.info('%s: is finished', folder)
        return
    with folder_lock(folder):
        samples = make_folder(os.path.join(folder, 'samples'))
        contents, deltas = measure(target, generator, data, split)
        own = target.sha256 in generator.record['args']['classifiers_sha256'].split('+')
        few = split.images(slice(SHOWN))
        grids = {'deltas': shades(deltas[:SHOWN]), 'orig': few,
                 'adv': np.clip(few + deltas[np.arange(len(few)) % len(deltas)], 0., 1.)}
        save_grids({name: os.path.join(samples, name + '.png') for name in grids}, grids, COLUMNS)
        with atomic_write(os.path.join(folder, 'deltas.npz'), 'wb') as stream:
            np.savez_compressed(stream, deltas=deltas)
        write_json(path, dict(
            contents, key=key, white_box=own, images=len(split.x),
            train=without_places(generator.record),
            classifier=dict(without_places(target.record), sha256=target.sha256),
            test=dict(provenance(), args=settings)))
    log_outcome(name, contents['clean_error'], 'fooled %(fooling_mean).3f, best %(fooling_best).3f'
                % contents['generator'], time.time() - start)


if __name__ == '__main__':
    cli.run(main)
