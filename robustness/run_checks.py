"""The checks of a trained run in a file, checks.json, beside what its attacks left."""
import contextlib
import functools
import os

from utils.errors import check
from utils.files import make_folder, read_json, write_json
from utils.noise import Noise

import tensorflow.compat.v1 as tf
from absl import logging

from attacks import boundary, square
from evaluation.partial import test_key
from models import build_model
from robustness import checks
from training.checkpoints import restore_variables
from training.loading import tested_checkpoint
from training.provenance import provenance
from training.run_folder import RunFolder
from training.session import session_config


@contextlib.contextmanager
def opened(record, checkpoint):
    """The checks.Network of a run, in a graph of its own; record: the contents of its args.json."""
    args = record['args']
    with tf.Graph().as_default(), tf.Session(config=session_config('growth')) as session:
        model = build_model(args['model'], record['num_classes'], args['seed'], args['layer_dims'],
                            args['activation_fn'])
        x = tf.placeholder(tf.float32, [None] + list(record['image_shape']))
        y = tf.placeholder(tf.int32, [None])
        model(x)
        restore_variables(session, tf.train.Saver(model.state), checkpoint, model.state)
        yield checks.Network(session, model, x, y)


def check_run(folder, settings, record, checkpoint, split, other=None, *, resume, overwrite):
    """Writes checks.json into `folder`: the checks of a run on the images of a Split.

    settings: {'boundary': its hyper-parameters, 'square': its, ...}, what tells these checks from
    others beside the weights and the images; other: the folder of a finished run from which
    perturbations are transferred. Raises UserError where the folder holds other checks, unless
    `overwrite`, or the other run is one of other images.
    """
    other_run = RunFolder(other) if other else None
    settings = dict(settings, transfer_from=other_run and other_run.name)
    path = os.path.join(folder, 'checks.json')
    key = test_key(settings, checkpoint, split)
    if os.path.exists(path):
        same = read_json(path).get('key') == key
        check(same or overwrite, '%s is of other checks, weights, images or code; --overwrite '
              'replaces it, another --working_dir keeps it', path)
        if same and resume:
            logging.info('%s: is finished', path)
            return
    source = None
    if other_run:
        theirs = other_run.read_args()
        check(theirs['image_shape'] == record['image_shape'], 'the run of --transfer_from has '
              'images of shape %s; expected %s', theirs['image_shape'], record['image_shape'])
        with opened(theirs, tested_checkpoint(other_run, theirs['args'])) as network:
            source = checks.find(network, attack(settings['boundary']), split.x, split.y)
    with opened(record, checkpoint) as network:
        facts = every_check(network, settings, split, source)
    make_folder(folder)
    write_json(path, {'num_examples': len(split.x), 'checks': facts, 'key': key, 'train': record,
                      'test': dict(provenance(), args=settings)})
    for name, fact in facts.items():
        if not fact['passed']:
            logging.warning('%s: the check %s fails: %s', folder, name, fact)


def attack(settings, **changes):
    """boundary with these hyper-parameters."""
    return functools.partial(boundary, noise=Noise(0), **dict(settings, **changes))


def every_check(network, settings, split, source):
    """{name: what each check returns}, in their order; source: the Found of another network."""
    found = checks.find(network, attack(settings['boundary']), split.x, split.y)
    twice = attack(settings['boundary'], refine=2 * settings['boundary']['refine'])
    free = functools.partial(square, noise=Noise(0), **{
        name: value for name, value in settings['square'].items() if name != 'epsilon'})
    facts = {
        'gradients': checks.gradients(network, found),
        'linearity': checks.linearity(network, found),
        'convergence': checks.convergence(found, checks.find(network, twice, split.x, split.y)),
        'random': checks.random_directions(network, found),
        'curve': checks.curve(found),
        'single_step': checks.single_step(network, found),
        'square': checks.gradient_free(
            network, found, lambda model, x, y, epsilon: free(model, x, y, epsilon=epsilon)),
    }
    if source is not None:
        facts['transfer'] = checks.transfer(network, found, source)
    return facts
