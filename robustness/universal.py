"""A generator of universal perturbations measured on a classifier, the one that it is made for or
another; and beside it perturbations of the same norm that cost little.
"""
import os
import time

from utils.errors import check, check_choice
from utils.files import atomic_write, make_folder, read_json, write_json

import numpy as np
import tensorflow.compat.v1 as tf
from absl import logging

from datasets import Split
from evaluation.export import without_places
from evaluation.partial import test_key
from figures.grids import save_grids
from terminal.log import log_outcome
from training.lock import folder_lock
from training.provenance import provenance
from training.session import memory_bounded_by, session_config
from universal.frozen import load_classifiers, load_generator
from universal.measure import Measured, measure_baselines, measure_generator
from universal.monitor import SHOWN, shades
from universal.uap import BASELINES

COLUMNS = 10   # of a picture
SEED = 1       # fixes z
NUMBERS = ('universal_deltas', 'baselines', 'num_examples', 'split')   # what changes a number


def is_finished(path, key, overwrite):
    """Whether a universal.json is that of this measurement; raises UserError for another one's
    unless `overwrite`.
    """
    if not os.path.exists(path):
        return False
    same = read_json(path).get('key') == key
    check(same or overwrite, '%s holds another measurement (weights, images, settings or code '
          'differ); --overwrite replaces it, another --working_dir keeps it', path)
    return same


def measure(config, target, generator, data, split):
    """({part of universal.json: its contents}, perturbations [m, h, w, c])."""
    args = generator.record['args']
    with tf.Session(config=session_config(config.gpu_memory)) as session:
        with memory_bounded_by('batch_size'):
            measured = Measured(session, target.model, split, data.num_classes, config.batch_size)
            found, deltas = measure_generator(session, generator.model, measured,
                                              latent=args['latent'], seed=SEED,
                                              count=config.universal_deltas)
            baselines = {}
            if config.baselines:
                train = Split(*(part[:args['train_size']] for part in data.train))
                baselines = measure_baselines(
                    session, target.model, measured, config.baselines, train, xi=args['xi'],
                    ord=args['universal_ord'], seed=SEED, num_classes=data.num_classes)
    return dict(generator=found, baselines=baselines, clean_error=measured.error()), deltas


def keep(folder, split, deltas):
    """Writes the perturbations [m, h, w, c], and pictures of the first of them and of images."""
    samples = make_folder(os.path.join(folder, 'samples'))
    few = split.images(slice(SHOWN))
    grids = {'deltas': shades(deltas[:SHOWN]), 'orig': few,
             'adv': np.clip(few + deltas[np.arange(len(few)) % len(deltas)], 0., 1.)}
    save_grids({name: os.path.join(samples, name + '.png') for name in grids}, grids, COLUMNS)
    with atomic_write(os.path.join(folder, 'deltas.npz'), 'wb') as stream:
        np.savez_compressed(stream, deltas=deltas)


def measure_universal(config):
    """Writes universal.json, deltas.npz and pictures of the generator `config.universal` on the
    classifier `config.load_dir` to <working_dir>/<generator>@<classifier>/.

    config: the flags of test.py that are not an attack's, as attributes. Raises UserError for a
    folder that holds no such run or another measurement, and for images of another size.
    """
    start = time.time()
    for name in config.baselines:
        check_choice('--baselines', name, BASELINES)
    data, (target,) = load_classifiers([config.load_dir], config.data_dir, config.unfinished)
    generator = load_generator(config.universal)
    check(generator.record['image_shape'] == target.record['image_shape'],
          '%s: makes images of %s; those of %s are %s', config.universal,
          generator.record['image_shape'], config.load_dir, target.record['image_shape'])
    split = Split(*(part[:config.num_examples] for part in getattr(data, config.split)))
    settings = {name: getattr(config, name) for name in NUMBERS}
    key = test_key([provenance()['versions'], settings, target.sha256], generator.checkpoint, split)
    name = '%s@%s' % (generator.name, target.name)
    folder = os.path.join(config.working_dir, name)
    path = os.path.join(folder, 'universal.json')
    if is_finished(path, key, config.overwrite) and config.resume:
        logging.info('%s: is finished', folder)
        return
    with folder_lock(folder):
        contents, deltas = measure(config, target, generator, data, split)
        own = target.sha256 in generator.record['args']['classifiers_sha256'].split('+')
        keep(folder, split, deltas)
        write_json(path, dict(
            contents, key=key, white_box=own, images=len(split.x),
            train=without_places(generator.record),
            classifier=dict(without_places(target.record), sha256=target.sha256),
            test=dict(provenance(), args=settings)))
    log_outcome(name, contents['clean_error'], 'fooled %(fooling_mean).3f, best %(fooling_best).3f'
                % contents['generator'], time.time() - start)
