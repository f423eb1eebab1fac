"""The training loop: epochs of steps, what is shown of them and what is written."""
import math
import os
import time

import tensorflow.compat.v1 as tf
from absl import logging
from tqdm import tqdm

from utils.data import batches, epoch_order
from utils.events import Events
from utils.figures import plot_curves
from utils.log import session_config
from utils.run_folder import Checkpoints

LOGGED = ('loss', 'nll', 'critic_loss', 'err', 'val_err', 'rho', 'rho_adv', 'rho_deepfool', 'seconds')   # the rest: metrics.jsonl


class NonFiniteLoss(Exception):
    """A loss that is infinite or not a number: training cannot go on."""


def check_finite(name, value, where):
    """Raises NonFiniteLoss unless the value is finite; no checkpoint is written after that, so the last one is finite."""
    if not math.isfinite(value):
        raise NonFiniteLoss('%s is %s at %s; training stops, and checkpoints of earlier epochs stay' % (name, value, where))


class Trainer(object):
    """Runs the epochs of a run; everything that is in the graph is built before it is called.

    steps, rates: from utils.training; evaluation: utils.evaluation.Evaluation; rates_of: epoch -> the two learning
    rates; config: pretrain_niter, niter, batch_size, seed, summary_frequency, checkpoint_frequency, gpu_memory, name.
    """

    def __init__(self, config, run, data, x, y, steps, rates, rates_of, evaluation):
        self._config, self._run, self._data = config, run, data
        self._x, self._y, self._steps, self._rates = x, y, steps, rates
        self._rates_of, self._evaluation = rates_of, evaluation
        self._rho = None

    def run(self):
        """Trains from the newest checkpoint, or from the start; returns the rows of metrics.jsonl."""
        config = self._config
        checkpoints = Checkpoints(self._run.checkpoints, config.checkpoint_frequency)
        events = Events()
        initialise = tf.global_variables_initializer()
        with tf.Session(config=session_config(config.gpu_memory)) as session:
            tf.get_default_graph().finalize()
            session.run(initialise)
            done = checkpoints.restore(session)
            rows = self._run.read_metrics(done)
            last = config.pretrain_niter + config.niter
            events.open(self._run.path, session.graph, done)
            for epoch in range(done + 1, last + 1):
                row, grids, norms = self._epoch(session, epoch, last)
                rows.append(row)
                events.write(session, epoch, row, grids, norms)
                self._run.write_metrics(rows)   # before the checkpoint: what it has too much is cut off on resuming
                checkpoints.save(session, epoch)
            if done < last:
                plot_curves(rows, os.path.join(self._run.samples, 'curves.png'))
            logging.info('%s: finished; test error %.2f %%', self._run.path,
                         100 * self._evaluation.clean(session, self._data.test, 'test')['test_err'])
        return rows

    def _epoch(self, session, epoch, last):
        """One epoch and what is measured after it: (row of metrics.jsonl, grids, histograms)."""
        config, start = self._config, time.time()
        pretraining = epoch <= config.pretrain_niter
        number = epoch if pretraining else epoch - config.pretrain_niter
        title = '%s %s %d/%d' % (os.path.basename(self._run.path), 'pretraining' if pretraining else 'epoch', number,
                                 config.pretrain_niter if pretraining else config.niter)
        lr, critic_lr = self._rates_of(1 if pretraining else number)
        step = self._steps.pretrain if pretraining else self._steps.train
        row = {'phase': 'pretrain' if pretraining else 'train', 'epoch': number, 'lr': lr, 'critic_lr': critic_lr}
        row.update(self._train(session, step, epoch, {self._rates.classifier: lr, self._rates.critic: critic_lr}, title))
        row.update(self._evaluation.clean(session, self._data.validation, 'val'))
        check_finite('val_nll', row['val_nll'], 'the end of ' + title)
        grids, norms = {}, {}
        if epoch == last or not pretraining and config.summary_frequency > 0 and number % config.summary_frequency == 0:
            attacked, grids, norms = self._evaluation.attacked(session, self._run.samples, epoch)
            row.update(attacked)
            self._rho = attacked['rho_deepfool']
        row['seconds'] = round(time.time() - start, 3)
        logging.info('%s: %s', title, ', '.join('%s %.4g' % (name, row[name]) for name in LOGGED if row.get(name) is not None))
        return row, grids, norms

    def _train(self, session, step, epoch, feed, title):
        """One pass over the training images; returns the mean of each metric."""
        train, batch_size, totals = self._data.train, self._config.batch_size, {}
        order = epoch_order(len(train.x), self._config.seed, epoch)
        bar = tqdm(batches(train, batch_size, order), total=int(math.ceil(len(order) / batch_size)), desc=title, unit='step',
                   leave=False, disable=None)
        for count, (images, labels) in enumerate(bar, 1):
            feed.update({self._x: images, self._y: labels})
            values = session.run(step, feed)
            del values['op']
            for name, value in values.items():
                check_finite(name, value, 'step %d of %s' % (count, title))
                totals[name] = totals.get(name, 0.) + float(value)
            shown = {'loss': totals['loss'] / count, 'err': totals['err'] / count,
                     'rho': totals['rho'] / count if 'rho' in totals else self._rho}
            bar.set_postfix({name: '%.3f' % value for name, value in shown.items() if value is not None}, refresh=False)
        return {name: value / count for name, value in totals.items()}
