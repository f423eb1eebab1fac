"""Checkpoints of a run, in TensorFlow's own format: every variable of the graph, and how far the
run is.
"""
import collections
import json
import os
import re
import shutil

from utils.errors import RunError, UserError, check

import numpy as np
import tensorflow.compat.v1 as tf
from absl import logging

from datasets.npz import read_arrays
from models import SCOPE
from training.paths import plain_folder

PROGRESS = 'progress'   # the string variable that holds a Progress as JSON
KEPT = 2   # checkpoints, the newest

Progress = collections.namedtuple('Progress', 'epochs steps totals')
Progress.__doc__ = """How far a run is: whole epochs, pretraining included; steps of the next
epoch; the sums of that epoch's metrics, or with no steps those of the last whole epoch."""


class UnreadableCheckpoint(UserError):
    """A checkpoint that is truncated or damaged."""


class Checkpoints(object):
    """Saves and restores every variable of the graph; build it before the graph is finalized.

    The last two are kept as `model-<steps of training>`, and for good, as `epoch-<epochs>`, every
    one whose epoch is a multiple of `keep_every` (0: none). A file is written beside and renamed,
    and the older one goes after that.
    """

    def __init__(self, folder, keep_every=0):
        self._folder, self._keep_every = folder, keep_every
        with tf.device('/cpu:0'):
            progress = tf.get_variable(PROGRESS, initializer=tf.constant(''), trainable=False,
                                       use_resource=True)
            self._text = tf.placeholder(tf.string, [])
            self._note = progress.assign(self._text).op
        self._saver = tf.train.Saver(max_to_keep=None, save_relative_paths=True)

    def save(self, session, number, progress):
        """Writes the checkpoint `number`, which grows with the steps of training; raises RunError
        when that fails.
        """
        session.run(self._note, {self._text: json.dumps(progress._asdict(), sort_keys=True)})
        whole_epoch = not progress.steps
        with plain_folder(self._folder) as folder:
            try:
                if self._keep_every and whole_epoch and progress.epochs % self._keep_every == 0:
                    self._saver.save(session, os.path.join(folder, 'epoch'), progress.epochs,
                                     latest_filename='kept', write_meta_graph=False)
                self._saver.save(session, os.path.join(folder, 'model'), number,
                                 write_meta_graph=False)
            except (tf.errors.OpError, ValueError) as error:
                self._clean()
                cause = cause_of(error).replace(folder, self._folder)
                raise RunError('%s: the checkpoint cannot be written: %s; the one before it stays'
                               % (self._folder, cause))
        self._clean(found(self._folder)[:KEPT])

    def restore(self, session):
        """Restores the newest checkpoint that is whole, if there is any; returns its Progress.

        A damaged one is named in a warning, and the one before it taken. Raises RunError when there
        are checkpoints but none is whole, and deletes nothing then: starting anew would overwrite
        them.
        """
        paths, faults = found(self._folder), []
        for path in paths:
            try:
                progress = read_progress(path)
                restore_variables(session, self._saver, path, tf.global_variables())
            except UnreadableCheckpoint as fault:
                logging.warning('%s', fault)
                faults.append(fault)
            else:
                if faults:
                    logging.warning('%s: going on from %s', self._folder, os.path.basename(path))
                self._clean(paths[len(faults):][:KEPT])
                return progress
        if faults or os.path.exists(os.path.join(
                self._folder, 'checkpoint')):   # TensorFlow's record of the first whole one
            raise RunError(
                '%s: holds no checkpoint that is whole%s; nothing was deleted, move the files '
                'away to start anew'
                % (self._folder, ' (%s)' % faults[0] if faults else ''))
        self._clean()
        return Progress(0, 0, {})

    def _clean(self, kept=None):
        """Removes what is left of writes that did not end, and, where `kept` is given, every other
        checkpoint but the `epoch-` ones.
        """
        names = [os.path.basename(path) for path in kept or ()]
        for name in os.listdir(self._folder):
            path = os.path.join(self._folder, name)
            unfinished = re.search(r'_temp|\.tempstate|\.tmp',
                                   name)   # a folder in one runtime, files in the other
            if unfinished or kept is not None and name.startswith('model-') and name.split(
                    '.')[0] not in names:
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def found(folder):
    """The paths of the checkpoints in a folder, newest first."""
    names = [
        re.match(r'(model-(\d+))\.index$', name)
        for name in (os.listdir(folder) if os.path.isdir(folder) else ())
    ]
    return [
        os.path.join(folder, match.group(1))
        for match in sorted(filter(None, names), key=lambda match: -int(match.group(2)))
    ]


def is_export(path):
    """Whether a path is that of a weights.npz and not of a checkpoint."""
    return path.endswith('.npz')


def read_checkpoint(path):
    """{name: value} of the variables in a checkpoint, or in the weights.npz of an export; raises
    UnreadableCheckpoint where a checksum fails.
    """
    if is_export(path):
        return {'%s/%s' % (SCOPE, name): value for name, value in read_arrays(path).items()}
    folder, name = os.path.split(path)
    with plain_folder(folder) as plain:
        try:
            reader = tf.train.NewCheckpointReader(os.path.join(plain, name))
            return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
        except Exception as error:   # OpError, ValueError and IndexError among others
            raise UnreadableCheckpoint('%s: not a readable checkpoint: %s' %
                                       (path, cause_of(error).replace(plain, folder)))


def read_progress(path):
    """The Progress that a checkpoint holds."""
    values = read_checkpoint(path)
    check(PROGRESS in values, '%s: has no variable %s; it was not written by this program', path,
          PROGRESS)
    return Progress(**json.loads(values[PROGRESS].decode()))


def restore_variables(session, saver, path, variables):
    """Restores `variables` from the checkpoint `path`; raises UserError naming the first that is
    absent or of another shape.
    """
    saved = read_checkpoint(path)
    for variable in variables:
        name, shape = variable.op.name, variable.shape.as_list()
        check(name in saved, '%s: has no variable %s; it is of another architecture', path, name)
        found_shape = list(np.shape(saved[name]))
        check(found_shape == shape, '%s: variable %s has shape %s; the model expects %s', path,
              name, found_shape, shape)
    if is_export(path):
        for variable in variables:
            variable.load(saved[variable.op.name], session)
        return
    folder, name = os.path.split(path)
    with plain_folder(folder) as plain:
        saver.restore(session, os.path.join(plain, name))


def cause_of(error):
    """The line of a TensorFlow error that tells what is wrong with a file."""
    lines = [
        line.strip()
        for line in str(error).splitlines()
        if line.strip() and 'Graph execution error' not in line
    ]
    telling = [
        line for line in lines
        if re.search('checksum|corrupt|data loss|space left', line, re.IGNORECASE)
    ]
    return (telling + lines + [type(error).__name__])[0]
