"""The training loop: epochs of steps, what is shown of them and what is written."""
import math
import os
import re
import time

from utils.errors import RunError

import tensorflow.compat.v1 as tf
from absl import logging
from tqdm import tqdm

from datasets import batches, epoch_order
from figures.plots import plot_curves
from training.checkpoints import Checkpoints, Progress
from training.events import Events
from training.session import session_config
from training.stopping import StopSignals

LOGGED = ('loss', 'nll', 'critic_loss', 'err', 'val_err', 'rho', 'rho_adv', 'rho_deepfool',
          'seconds')   # the rest: metrics.jsonl


class NonFinite(RunError):
    """A loss or another metric that is infinite or not a number: training cannot go on."""


class Trainer(object):
    """Runs the epochs of a run; everything that is in the graph is built before it is called.

    steps: from training.step; rates: {name: placeholder} of the learning rates, rates_of: epoch ->
    {name: number}; evaluation: evaluation.monitor.Evaluation; config: pretrain_niter, niter,
    batch_size, seed, summary_frequency, checkpoint_frequency, gpu_memory, name.
    """

    def __init__(self, config, run, data, x, y, steps, rates, rates_of, evaluation):
        self._config, self._run, self._data = config, run, data
        self._x, self._y, self._steps, self._rates = x, y, steps, rates
        self._rates_of, self._evaluation = rates_of, evaluation
        self._epoch_steps = -(-len(data.train.x) // config.batch_size)
        self._rho = None

    def run(self):
        """Trains from the newest checkpoint, or from the start; returns the rows of metrics.jsonl.

        Raises RunError, with everything saved, when a signal stops the run (Stopped), a loss is not
        finite, or nothing can be written.
        """
        config = self._config
        self._checkpoints = Checkpoints(self._run.checkpoints, config.checkpoint_frequency)
        events = Events()
        initialise = tf.global_variables_initializer()
        with tf.Session(config=session_config(
                config.gpu_memory)) as session, StopSignals() as self._signals:
            tf.get_default_graph().finalize()
            session.run(initialise)
            progress = self._checkpoints.restore(session)
            rows = self._run.read_metrics(progress.epochs)
            last = config.pretrain_niter + config.niter
            events.open(self._run.path, session.graph, progress.epochs)
            self._run.unfinish()
            for epoch in range(progress.epochs + 1, last + 1):
                row, grids, norms = self._epoch(session, epoch, last, progress)
                rows.append(row)
                events.write(session, epoch, row, grids, norms)
                self._run.write_metrics(
                    rows)   # before the checkpoint: what it has too much is cut off on resuming
                progress = Progress(epoch, 0, {})
                self._save(session, progress)
                if self._signals.received and epoch < last:
                    self._signals.stop('the end of epoch %d of %d' % (epoch, last))
            plot_curves(
                rows, self._run.curves)   # the last file of a run: it says that the run is finished
            logging.info('%s: finished; test error %.2f %%', self._run.path,
                         100 * self._evaluation.clean(session, self._data.test, 'test')['test_err'])
        return rows

    def _save(self, session, progress):
        self._checkpoints.save(session, progress.epochs * self._epoch_steps + progress.steps,
                               progress)

    def _epoch(self, session, epoch, last, progress):
        """An epoch, or what is left of it, and what is measured after it: (row of metrics.jsonl,
        grids, histograms).
        """
        config, start = self._config, time.time()
        pretraining = epoch <= config.pretrain_niter
        number = epoch if pretraining else epoch - config.pretrain_niter
        title = '%s %s %d/%d' % (os.path.basename(
            self._run.path), 'pretraining' if pretraining else 'epoch', number,
                                 config.pretrain_niter if pretraining else config.niter)
        rates = self._rates_of(1 if pretraining else number)
        step = self._steps.pretrain if pretraining else self._steps.train
        row = dict(rates, phase='pretrain' if pretraining else 'train', epoch=number)
        row.update(
            self._train(session, step, progress,
                        {self._rates[name]: rate for name, rate in rates.items()}, title))
        row.update(self._evaluation.clean(session, self._data.validation, 'val'))
        check_finite('val_nll', row['val_nll'], 'the end of ' + title)
        grids, norms = {}, {}
        frequency = config.summary_frequency
        if epoch == last or not pretraining and frequency > 0 and number % frequency == 0:
            attacked, grids, norms = self._evaluation.attacked(session, self._run.samples, number)
            row.update(attacked)
            self._rho = attacked['rho_deepfool']
        row['seconds'] = round(time.time() - start, 3)
        logging.info(
            '%s: %s', title, ', '.join('%s %.4g' % (name, row[name])
                                       for name in LOGGED
                                       if row.get(name) is not None))
        return row, grids, norms

    def _train(self, session, step, progress, feed, title):
        """The steps of an epoch from where `progress` is; returns the mean of each metric.

        Saves and raises at a step with a loss or gradient that is not finite, which does not change
        the network that it is of, and after a step during which a signal came.
        """
        train, batch_size, totals = self._data.train, self._config.batch_size, dict(progress.totals)
        seeds = (self._config.seed, progress.epochs + 1)
        order = epoch_order(len(train.x), *seeds)
        bar = tqdm(batches(train, batch_size,
                           order[progress.steps * batch_size:]), initial=progress.steps,
                   total=self._epoch_steps, desc=title, unit='step', leave=False, disable=None)
        for count, (images, labels) in enumerate(bar, progress.steps + 1):
            where = 'step %d of %s' % (count, title)
            feed.update({self._x: images, self._y: labels})
            try:
                values = run_step(
                    session, step, feed,
                    where + ' (batch %d of the order by the seeds %d, %d)' % ((count, ) + seeds))
            except NonFinite:
                self._save(session, Progress(progress.epochs, count - 1, totals))
                raise
            for name, value in values.items():
                check_finite(name, value, where)
                totals[name] = totals.get(name, 0.) + value
            if self._signals.received and count < self._epoch_steps:
                self._save(session, Progress(progress.epochs, count, totals))
                self._signals.stop(where)
            shown = {'loss': totals['loss'] / count, 'err': totals['err'] / count,
                     'rho': totals['rho'] / count if 'rho' in totals else self._rho}
            bar.set_postfix(
                {name: '%.3f' % value for name, value in shown.items() if value is not None},
                refresh=False)
        return {name: value / self._epoch_steps for name, value in totals.items()}


def check_finite(name, value, where):
    """Raises NonFinite unless the value is a finite number."""
    if not math.isfinite(value):
        raise NonFinite('%s is %s at %s; training stops, and the last finite state is kept' %
                        (name, value, where))


def run_step(session, step, feed, where):
    """One step: {metric: number}; raises NonFinite naming what is not finite."""
    try:
        values = session.run(step, feed)
    except tf.errors.InvalidArgumentError as error:
        fault = re.search(r'(\w[\w /]*?) : Tensor had (.+?) values', str(error))
        if fault is None:
            raise
        check_finite(fault.group(1), float('nan' if 'NaN' in fault.group(2) else 'inf'), where)
    del values['op']
    return {name: float(value) for name, value in values.items()}
