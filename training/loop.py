"""The training loop: epochs of steps, what is shown of them and what is written."""
import collections
import math
import re
import time

from utils.errors import RunError

import tensorflow.compat.v1 as tf

from datasets import augment, batches, epoch_order, read_kinds
from figures.plots import plot_curves
from terminal.log import log_detail, log_outcome
from terminal.progress import ProgressBar
from training.checkpoints import Checkpoints, Progress
from training.events import Events
from training.session import memory_bounded_by, session_config
from training.stopping import StopSignals

LOGGED = ('loss', 'nll', 'critic_loss', 'err', 'val_err', 'rho', 'rho_adv', 'rho_deepfool',
          'seconds')   # the rest: metrics.jsonl

Graph = collections.namedtuple('Graph', 'x y steps rates rates_of')
Graph.__doc__ = """What the loop drives: the placeholders of images and labels, training.step's
Steps, {name: placeholder} of the learning rates, and epoch -> {name: number} of their values (the
first epoch after pretraining is 1)."""

Epoch = collections.namedtuple('Epoch', 'count phase number title rates')
Epoch.__doc__ = """An epoch of a run: its count in the run, from 1; pretrain or train; its number
in that phase; how people are told of it; {name: number} of the learning rates."""


class NonFinite(RunError):
    """A loss or another metric that is infinite or not a number: training cannot go on."""


def train(run, config, data, graph, monitor):
    """Trains from the newest checkpoint, or from the start; returns the rows of metrics.jsonl.

    run: RunFolder; config: every setting of the run, of which pretrain_niter, niter, batch_size,
    seed, augment, summary_frequency, checkpoint_frequency and gpu_memory are the loop's; data:
    datasets.Dataset; graph: Graph; monitor: evaluation.monitor.Evaluation. Everything that they
    hold of the graph is built before. Raises RunError, with everything saved, when a signal stops
    the run (Stopped), a loss is not finite, or nothing can be written. An epoch is saved before it
    is measured: what fails then is measured again, not trained again, when the run goes on.
    """
    checkpoints = Checkpoints(run.checkpoints, config.checkpoint_frequency)
    events = Events()
    initialise = tf.global_variables_initializer()
    last = config.pretrain_niter + config.niter
    per_epoch = steps_per_epoch(data, config)
    began = time.time()
    with tf.Session(config=session_config(config.gpu_memory)) as session, StopSignals() as signals:

        def save(progress):
            checkpoints.save(session, progress.epochs * per_epoch + progress.steps, progress)

        tf.get_default_graph().finalize()
        session.run(initialise)
        progress = checkpoints.restore(session)
        rows = run.read_metrics(progress)
        events.open(run.path, session.graph, len(rows), vars(config))
        run.unfinish()
        for count in range(len(rows) + 1, last + 1):
            epoch = describe_epoch(run.name, config, graph.rates_of, count)
            start = time.time()
            if progress.epochs < count:   # else it is trained, and what measured it failed
                progress = train_epoch(session, graph, epoch, progress, config=config, data=data,
                                       rho=last_rho(rows), save=save, signals=signals)
                save(progress)
            means = {name: total / per_epoch for name, total in progress.totals.items()}
            with memory_bounded_by('test_batch_size'):
                row, grids, norms = measure(session, epoch, means, monitor=monitor, config=config,
                                            run=run, validation=data.validation)
            row['seconds'] = round(time.time() - start, 3)
            log_row(epoch.title, row)
            rows.append(row)
            events.write(session, count, row, grids, norms)
            run.write_metrics(rows)
            if signals.received and count < last:
                signals.stop('the end of epoch %d of %d' % (count, last))
        plot_curves(rows, run.curves)   # the last file of a run: it says that the run is finished
        with memory_bounded_by('test_batch_size'):
            error = monitor.clean(session, data.test, 'test')['test_err']
        rho = last_rho(rows)
        log_outcome(run.name, error, '' if rho is None else 'rho %.3f' % rho, time.time() - began)
    return rows


def steps_per_epoch(data, config):
    """The number of steps in which each training image comes once."""
    return -(-len(data.train.x) // config.batch_size)


def describe_epoch(name, config, rates_of, count):
    """The Epoch that is the `count`-th of the run called `name`."""
    pretraining = count <= config.pretrain_niter
    number = count if pretraining else count - config.pretrain_niter
    title = '%s %s %d/%d' % (name, 'pretraining' if pretraining else 'epoch', number,
                             config.pretrain_niter if pretraining else config.niter)
    rates = rates_of(1 if pretraining else number)
    return Epoch(count, 'pretrain' if pretraining else 'train', number, title, rates)


def train_epoch(session, graph, epoch, progress, *, config, data, rho, save, signals):
    """The steps of an epoch from where `progress` is; returns the Progress after them.

    rho: what the progress bar shows of the attack where a step does not measure it. Saves and
    raises at a step with a loss or gradient that is not finite, which does not change the network
    that it is of, and after a step during which a signal came.
    """
    size, per_epoch = config.batch_size, steps_per_epoch(data, config)
    kinds = read_kinds(config.augment)
    totals = dict(progress.totals) if progress.steps else {}
    step = graph.steps.pretrain if epoch.phase == 'pretrain' else graph.steps.train
    feed = {graph.rates[name]: rate for name, rate in epoch.rates.items()}
    order = epoch_order(len(data.train.x), config.seed, epoch.count)[progress.steps * size:]
    batched = enumerate(batches(data.train, size, order), progress.steps + 1)
    with ProgressBar(epoch.title, len(data.train.x), progress.steps * size) as bar:
        for count, (images, labels) in batched:
            where = 'step %d of %s' % (count, epoch.title)
            images = augment(images, kinds, config.seed, (epoch.count - 1) * per_epoch + count)
            feed.update({graph.x: images, graph.y: labels})
            try:
                values = run_step(session, step, feed, '%s (batch %d of the order by the seeds %d, '
                                  '%d)' % (where, count, config.seed, epoch.count))
            except NonFinite:
                save(Progress(progress.epochs, count - 1, totals))
                raise
            for name, value in values.items():
                check_finite(name, value, where)
                totals[name] = totals.get(name, 0.) + value
            if signals.received and count < per_epoch:
                save(Progress(progress.epochs, count, totals))
                signals.stop(where)
            bar.add(len(labels), loss=totals['loss'] / count, err=totals['err'] / count,
                    rho=totals['rho'] / count if 'rho' in totals else rho)
    return Progress(epoch.count, 0, totals)


def measure(session, epoch, means, *, monitor, config, run, validation):
    """What is known of an epoch after it: (row of metrics.jsonl, grids, histograms)."""
    row = dict(epoch.rates, phase=epoch.phase, epoch=epoch.number)
    row.update(means)
    row.update(monitor.clean(session, validation, 'val'))
    check_finite('val_nll', row['val_nll'], 'the end of ' + epoch.title)
    frequency = config.summary_frequency
    due = epoch.phase == 'train' and frequency > 0 and epoch.number % frequency == 0
    if not due and epoch.count != config.pretrain_niter + config.niter:
        return row, {}, {}
    attacked, grids, norms = monitor.attacked(session, run.samples, epoch.number)
    row.update(attacked)
    return row, grids, norms


def log_row(title, row):
    """One line of train.log for what an epoch measured."""
    log_detail('%s: %s', title, ', '.join('%s %.4g' % (name, row[name])
                                         for name in LOGGED if row.get(name) is not None))


def last_rho(rows):
    """DeepFool's rho of the last epoch that measured it; None if there is none."""
    measured = [row['rho_deepfool'] for row in rows if row.get('rho_deepfool') is not None]
    return measured[-1] if measured else None


def check_finite(name, value, where):
    """Raises NonFinite unless the value is a finite number."""
    if not math.isfinite(value):
        raise NonFinite('%s is %s at %s; training stops, and the last finite state is kept' %
                        (name, value, where))


def run_step(session, step, feed, where):
    """One step: {metric: number}; raises NonFinite naming what is not finite."""
    try:
        with memory_bounded_by('batch_size'):
            values = session.run(step, feed)
    except tf.errors.InvalidArgumentError as error:
        fault = re.search(r'(\w[\w /]*?) : Tensor had (.+?) values', str(error))
        if fault is None:
            raise
        check_finite(fault.group(1), float('nan' if 'NaN' in fault.group(2) else 'inf'), where)
    del values['op']
    return {name: float(value) for name, value in values.items()}
