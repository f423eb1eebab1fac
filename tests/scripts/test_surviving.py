"""Runs that die, are stopped, share a folder, or meet a full disk; all through the command line."""
import glob
import json
import os
import re
import shutil
import signal
import socket
import time

import numpy as np
import pytest

from tests.preloaded import wait_for
from tests.scripts.surviving import (
    DATA,
    RUN,
    RUN_FOLDER,
    assert_same,
    damage,
    metrics,
    one_error,
    variables,
)
from training.checkpoints import found


@pytest.mark.slow
def test_a_run_killed_twenty_times_ends_as_one_that_never_was(scripts, whole, tmp_path):
    run, rng, killed, writing = tmp_path / RUN_FOLDER, np.random.RandomState(0), 0, 0
    while killed < 20:
        process = scripts.start(*RUN + ['--train_dir=%s' % tmp_path])
        wait_for(lambda: (run / 'lock').exists() and
                 (run / 'lock').read_text().startswith('process %d ' % process.pid))
        end = time.time() + rng.uniform(0., 3.)
        wait_for(lambda: gone(process.pid) or (unfinished(run)
                                               if killed % 2 else time.time() > end))
        writing += killed % 2 and bool(unfinished(run))
        os.kill(process.pid, signal.SIGKILL)
        status, _, err = process.wait()
        assert status in (-signal.SIGKILL, 0), err
        killed += 1
        if status == 0:   # it was done before: another one, from the start
            assert_same(run, whole)
            assert_nothing_but_the_interrupted_epoch_is_repeated(run)
            shutil.rmtree(str(run))
    assert writing >= 5, writing
    status, _, err = scripts.run(*RUN + ['--train_dir=%s' % tmp_path])
    assert status == 0, err
    assert_same(run, whole)
    assert_nothing_but_the_interrupted_epoch_is_repeated(run)
    assert not unfinished(run)


def unfinished(run):
    """What a checkpoint under way leaves until it is whole."""
    return [name for name in os.listdir(str(run / 'chks'))
            if 'temp' in name] if (run / 'chks').is_dir() else []


def gone(pid):
    """Whether the process has ended: it is a zombie of the preloaded process until that is asked
    for its status.
    """
    with open('/proc/%d/stat' % pid) as stream:
        return stream.read().rsplit(')', 1)[1].split()[0] == 'Z'


def assert_nothing_but_the_interrupted_epoch_is_repeated(run):
    log = (run / 'train.log').read_text()
    epochs = [
        int(number) + (kind == 'epoch')
        for kind, number in re.findall(r's1 (pretraining|epoch) (\d+)/', log)
    ]
    assert all(after - before in (0, 1) for before, after in zip(epochs, epochs[1:])), epochs


@pytest.mark.slow
@pytest.mark.parametrize('number, expected', [(signal.SIGTERM, 143), (signal.SIGINT, 130),
                                              (signal.SIGUSR1, 138)])
def test_a_signal_stops_after_the_step_and_saves(scripts, whole, tmp_path, number, expected):
    run, progress = tmp_path / RUN_FOLDER, {'steps': 0}
    while not progress['steps']:   # within an epoch
        process, before = scripts.start(*RUN + ['--train_dir=%s' % tmp_path]), progress.get(
            'epochs', 0)
        wait_for(lambda: (run / 'metrics.jsonl').exists() and len(metrics(run)) > before)
        time.sleep(0.1)
        os.kill(process.pid, number)
        status, _, err = process.wait()
        assert status == expected, err
        line = one_error(err)
        assert 'stopped by %s at ' % number.name in line and 'everything is saved' in line
        progress = json.loads(variables(run)['progress'].decode())
        assert 0 < progress['epochs'] < 7 and (progress['steps'] == 0) == ('the end of epoch'
                                                                           in line)
    assert scripts.run(*RUN + ['--train_dir=%s' % tmp_path])[0] == 0
    assert_same(run, whole)


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['truncated', 'flipped'])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(scripts, whole, copy, kind):
    newest, older = found(str(copy / 'chks'))
    damage(newest + DATA, kind)
    status, _, err = scripts.run(*RUN + ['--train_dir=%s' % copy.parent])
    assert status == 0, err
    assert '%s: not a readable checkpoint' % newest in err
    assert 'going on from %s' % os.path.basename(older) in err
    assert_same(copy, whole)

    for path in newest, older:
        damage(path + DATA, kind)
    before = {path: open(path, 'rb').read() for path in glob.glob(str(copy / 'chks' / '*'))}
    status, _, err = scripts.run(*RUN + ['--train_dir=%s' % copy.parent])
    assert status == 1 and 'holds no checkpoint that is whole' in one_error(
        err) and newest in one_error(err)
    assert before == {path: open(path, 'rb').read() for path in glob.glob(str(copy / 'chks' / '*'))}


@pytest.mark.slow
def test_a_lock_is_refused_by_name_and_taken_over_from_the_dead(scripts, tmp_path):
    run = tmp_path / RUN_FOLDER
    arguments = [a for a in RUN if not a.startswith('--niter')
                 ] + ['--train_dir=%s' % tmp_path, '--niter=500']
    first = scripts.start(*arguments)
    wait_for((run / 'metrics.jsonl').exists)
    status, _, err = scripts.run(*arguments)
    assert status == 2 and 'in use by process %d on %s' % (first.pid,
                                                           socket.gethostname()) in one_error(err)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = scripts.start(*arguments)
    wait_for(lambda: (run / 'lock').read_text().startswith('process %d ' % second.pid))
    os.kill(second.pid, signal.SIGTERM)
    status, _, err = second.wait()
    assert 'taken over from process %d' % first.pid in err
    assert status in (143, -signal.SIGTERM), err


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_with_its_name_and_a_finite_state(scripts, tmp_path):
    arguments = [
        'train.py', '--defense=none', '--layer_dims=8', '--niter=1', '--lr=1e37', '--resume',
        '--train_dir=%s' % tmp_path
    ]
    for _ in range(2):   # resumed, it fails in the same way
        status, _, err = scripts.run(*arguments)
        assert status == 1
        assert re.search(
            r'loss is (nan|inf) at step \d+ of none_s1 pretraining 1/1 '
            r'\(batch \d+ of the order by the seeds 1, 1\)',
            one_error(err)), err
        assert all(
            np.isfinite(value).all()
            for name, value in variables(tmp_path / RUN_FOLDER).items()
            if name != 'progress')
