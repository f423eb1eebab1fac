"""Classifiers and generators of finished runs, with constants for their weights, so that nothing
can move them.
"""
import collections
import hashlib

from utils.errors import check

import numpy as np
import tensorflow.compat.v1 as tf

from models import Frozen
from models.generator import Generator
from training.checkpoints import restore_variables
from training.loading import load_run, model_of, tested_checkpoint
from training.run_folder import RunFolder

GENERATOR = 'generator'   # the model of a run that train_universal.py wrote

Target = collections.namedtuple('Target', 'name model record sha256 checkpoint')
Target.__doc__ = """A frozen network: the name of its run, the network, the contents of args.json,
the hash of its weights and the file that they are of."""


def load_classifiers(paths, data_dir=None, unfinished=False):
    """(the Dataset of the first, [Target]) of run folders; raises UserError for none, for one that
    is no classifier or, without `unfinished`, not finished, and where their images or classes
    differ.
    """
    check(paths, '--load_dir is empty; expected run folders that train.py wrote')
    data, _, first = load_run(RunFolder(paths[0]), data_dir)
    targets = []
    for path in paths:
        run = RunFolder(path)
        record = run.read_args()
        for key, what in (('image_shape', 'images'), ('num_classes', 'classes')):
            check(record[key] == first[key], '%s: its %s are %s; expected %s, those of %s', path,
                  what, record[key], first[key], paths[0])
        targets.append(frozen(run, record, model_of(record), record['image_shape'], unfinished))
    return data, targets


def load_generator(path):
    """The Target of the run folder of a generator; raises UserError where it is none."""
    run = RunFolder(path)
    record = run.read_args()
    args = record['args']
    check(args['model'] == GENERATOR, '%s: is the run of a classifier, %s; expected one that '
          'train_universal.py wrote', path, args['model'])
    generator = Generator(record['image_shape'], args['seed'], xi=args['xi'],
                          universal_ord=args['universal_ord'], latent=args['latent'],
                          spread=args.get('spread', 0.))   # of runs before it: as u came
    return frozen(run, record, generator, [generator.latent])


def frozen(run, record, network, input_shape, unfinished=False):
    """The Target of a run's network, which is called on [n] + input_shape."""
    checkpoint = tested_checkpoint(run, record['args'], unfinished)
    weights = read_weights(network, input_shape, checkpoint)
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode() + np.ascontiguousarray(value).tobytes())
    return Target(run.name, Frozen(network, weights), record, digest.hexdigest(), checkpoint)


def read_weights(network, input_shape, checkpoint):
    """{name without the network's: array} of a checkpoint, in a graph of its own on the CPU."""
    config = tf.ConfigProto(device_count={'GPU': 0})
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        network(tf.placeholder(tf.float32, [None] + list(input_shape)))
        restore_variables(session, tf.train.Saver(network.state), checkpoint, network.state)
        return {v.op.name[len(network.scope) + 1:]: session.run(v.read_value())
                for v in network.state}
