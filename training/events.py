"""TensorBoard's event file of a run."""
import atexit
import contextlib

from utils.errors import RunError
from utils.hyperparameters import TRAIN_PLACES

import numpy as np
import tensorflow.compat.v1 as tf
from tensorboard.plugins.hparams.api import hparams_pb

from training.paths import plain_folder


class Events(object):
    """Scalars, image grids, and histograms of the weights and of rho; built before the graph is
    finalized, opened after.
    """

    def __init__(self):
        self._values = tf.placeholder(tf.float32, [None], 'histogram_values')
        names = ('rho_adv', 'rho_rec', 'rho_deepfool')
        self._histograms = {name: tf.summary.histogram('histogram/' + name, self._values)
                            for name in names}
        self._weights = tf.summary.merge(
            [tf.summary.histogram(v.op.name, v.read_value()) for v in tf.trainable_variables()])
        self._writer = None

    def open(self, folder, graph, epochs_done, settings):
        """Begins an event file in `folder`; TensorBoard then forgets what it saw of later epochs.

        settings: {name: value}, what the run is told by on the tab HPARAMS.
        """
        stack = contextlib.ExitStack()
        atexit.register(stack.close)   # the file is looked up again whenever it is written to
        self._writer = tf.summary.FileWriter(stack.enter_context(plain_folder(folder)), graph)
        self._writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), epochs_done + 1)
        shown = {name: value if isinstance(value, (bool, int, float, str)) else str(value)
                 for name, value in settings.items() if name not in TRAIN_PLACES}
        self._writer.add_summary(hparams_pb(shown).SerializeToString(), epochs_done)

    def write(self, session, epoch, scalars, grids, norms):
        """Writes what an epoch measured: {name: number}, {name: PNG bytes}, {name: array}; raises
        RunError when that fails.
        """
        values = [tf.Summary.Value(tag=name, simple_value=value) for name, value in scalars.items()
                  if isinstance(value, (int, float))]
        values += [tf.Summary.Value(tag=name, image=tf.Summary.Image(encoded_image_string=png))
                   for name, png in grids.items()]
        self._writer.add_summary(tf.Summary(value=values), epoch)
        if norms:
            self._writer.add_summary(session.run(self._weights), epoch)
        for name, rho in norms.items():
            self._writer.add_summary(
                session.run(self._histograms[name], {self._values: rho[np.isfinite(rho)]}), epoch)
        try:
            self._writer.flush()
        except (tf.errors.OpError, RuntimeError) as error:
            raise RunError('the events for TensorBoard cannot be written: %s' %
                           str(error).strip().splitlines()[-1])
