"""Trained runs and exported networks, opened side by side; what is written of them."""
import collections
import contextlib
import os

from utils.errors import check
from utils.files import make_folder, write_json

import tensorflow.compat.v1 as tf

from evaluation.export import fresh_session, logits_of, without_places
from properties.networks import IDENTITY, identity
from training.checkpoints import restore_variables
from training.loading import model_of, tested_checkpoint
from training.provenance import provenance
from training.run_folder import RunFolder

Opened = collections.namedtuple('Opened', 'run record checkpoint')
Opened.__doc__ = """A RunFolder, the contents of its args.json, and the path of its weights: None
stands for the initial ones."""


def open_runs(paths, unfinished=False):
    """[Opened] of the folders of runs, or of what export.py made of them.

    Raises UserError where there is none, one is given twice or has not trained all its epochs,
    unless `unfinished`, or their images are of several shapes.
    """
    check(paths, '--load_dir is missing; expected folders of runs, such as runs_mlp/critic_s1')
    opened = []
    for path in paths:
        run = RunFolder(path)
        record = run.read_args()
        checkpoint = tested_checkpoint(run, record['args'], unfinished)
        opened.append(Opened(run, without_places(record), checkpoint))
    check_different('--load_dir', paths, [each.record for each in opened])
    for each in opened[1:]:
        check(each.record['image_shape'] == opened[0].record['image_shape'],
              '%s was trained on images of shape %s; %s on %s', each.run.path,
              each.record['image_shape'], opened[0].run.path, opened[0].record['image_shape'])
    return opened


def check_different(flag, paths, records):
    """Raises UserError where two of the records are of one network."""
    seen = {}
    for path, record in zip(paths, records):
        key = identity(record)
        check(key not in seen, '%s: %s and %s are of the same %s', flag, seen.get(key), path,
              ', '.join(IDENTITY))
        seen[key] = path


@contextlib.contextmanager
def opened_session(opened):
    """(session, x [n, h, w, c], Network, its logits [n, k]) of an Opened, in a graph of its own."""
    with fresh_session() as session:
        x = tf.placeholder(tf.float32, [None] + list(opened.record['image_shape']))
        model = model_of(opened.record)
        logits = model(x)
        if opened.checkpoint is None:
            session.run(tf.global_variables_initializer())
        else:
            restore_variables(session, tf.train.Saver(model.state), opened.checkpoint, model.state)
        yield session, x, model, logits


@contextlib.contextmanager
def predictor(opened):
    """A function images [n, h, w, c] -> classes [n] of an Opened."""
    with opened_session(opened) as (session, x, _, logits):
        yield lambda images: logits_of(session, x, logits, images).argmax(axis=1)


def output_path(folder, name, overwrite):
    """The path of a file to write in `folder`, which is made; raises UserError where there is one,
    unless `overwrite`.
    """
    path = os.path.join(make_folder(folder), name)
    check(overwrite or not os.path.exists(path), '%s is there already; --overwrite replaces it, '
          'another --working_dir keeps it', path)
    return path


def write_analysis(path, contents, settings):
    """Writes JSON with where it came from: versions, revision, settings."""
    write_json(path, dict(contents, analysis=dict(provenance(), args=settings)))
