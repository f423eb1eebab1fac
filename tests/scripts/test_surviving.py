"""Runs that die, are stopped, share a folder, or meet a full disk; all through the command line."""
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.preloaded import wait_for
from training.checkpoints import found

RUN = [
    'train.py', '--defense=none', '--layer_dims=300', '--batch_size=4', '--niter=6',
    '--summary_frequency=0', '--resume'
]
RUN_FOLDER = 'none_s1'
DATA = '.data-00000-of-00001'


@pytest.fixture(scope='module')
def whole(scripts, tmp_path_factory):
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp('whole')
    status, _, err = scripts.run(*RUN + ['--train_dir=%s' % folder])
    assert status == 0, err
    return folder / RUN_FOLDER


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of that run."""
    shutil.copytree(str(whole), str(tmp_path / RUN_FOLDER))
    return tmp_path / RUN_FOLDER


def one_error(err):
    """The only error line of a script's stderr, which has no traceback."""
    lines = [line for line in err.splitlines() if 'error:' in line]
    assert len(lines) == 1 and 'Traceback' not in err, err
    return lines[0]


def variables(run):
    reader = tf.train.NewCheckpointReader(found(str(run / 'chks'))[0])
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def metrics(run):
    rows = [json.loads(line) for line in open(str(run / 'metrics.jsonl'))]
    return [{key: value for key, value in row.items() if key != 'seconds'} for row in rows]


def assert_same(run, expected):
    """The same variables byte for byte, Adam's and the progress among them, and the same metrics.
    """
    got, wanted = variables(run), variables(expected)
    assert set(got) == set(wanted)
    for name in wanted:
        assert np.asarray(got[name]).tobytes() == np.asarray(wanted[name]).tobytes(), name
    assert metrics(run) == metrics(expected) and len(metrics(run)) == 7


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
        wait_for(lambda: found(str(run / 'chks')) and len(metrics(run)) > before)
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


def damage(path, kind):
    """Truncates a file, or flips a bit in its middle."""
    content = bytearray(open(path, 'rb').read())
    if kind == 'truncated':
        content = content[:len(content) // 2]
    else:
        content[len(content) // 2] ^= 4
    with open(path, 'wb') as stream:
        stream.write(content)


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


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    if os.geteuid() or subprocess.call(
        ['mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs',
         str(folder)], stderr=subprocess.DEVNULL):
        pytest.skip('a file system cannot be mounted here')
    yield folder
    subprocess.check_call(['umount', '-l', str(folder)])


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_last_checkpoint_survives(scripts, whole, small_disk):
    run = small_disk / RUN_FOLDER
    process = scripts.start(*RUN + ['--train_dir=%s' % small_disk])
    wait_for(lambda: found(str(run / 'chks')))
    with open(str(small_disk / 'filler'), 'wb',
              buffering=0) as stream, contextlib.suppress(OSError):
        while True:
            stream.write(bytes(4096))
    for status, _, err in (process.wait(), scripts.run(
            *RUN + ['--train_dir=%s' % small_disk])):   # full in the run, and before it
        assert status == 1 and re.search('o space left on device|cannot be written',
                                         one_error(err)), err
        assert json.loads(variables(run)['progress'].decode())['epochs'] > 0
    subprocess.check_call(['mount', '-o', 'remount,ro', str(small_disk)])
    status, _, err = scripts.run(*RUN + ['--train_dir=%s' % small_disk])
    assert status == 2 and 'ead-only file system' in one_error(err), err
    subprocess.check_call(['mount', '-o', 'remount,rw', str(small_disk)])
    os.remove(str(small_disk / 'filler'))
    assert scripts.run(*RUN + ['--train_dir=%s' % small_disk])[0] == 0
    assert_same(run, whole)


@pytest.mark.slow
def test_a_test_goes_on_where_it_was(scripts, whole, tmp_path):
    test = [
        'test.py',
        '--load_dir=%s' % whole, '--num_examples=100', '--batch_size=4', '--attack_iter=50',
        '--resume'
    ]
    assert scripts.run(*test + ['--working_dir=%s' % (tmp_path / 'whole')])[0] == 0
    parts = tmp_path / 'parts' / RUN_FOLDER
    process = scripts.start(*test + ['--working_dir=%s' % (tmp_path / 'parts')])
    wait_for((parts / 'partial' / '00001.npz').exists)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (parts / 'summary.json').exists()
    first, second = parts / 'partial' / '00000.npz', parts / 'partial' / '00001.npz'
    with np.load(str(first)) as arrays:
        marked = dict(arrays)
    marked[
        'conf'] = marked['conf'] * 0 + 0.125   # shows that the chunk is read and not attacked again
    np.savez(str(first), **marked)
    damage(str(second), 'truncated')
    status, _, err = scripts.run(*test + ['--working_dir=%s' % (tmp_path / 'parts')])
    assert status == 0 and '%s: cannot be read' % second in err, err
    got, expected = ((tmp_path / name / RUN_FOLDER / 'results.tsv').read_text().splitlines()
                     for name in ('parts', 'whole'))
    assert all(line.split('\t')[3] == '0.125'
               for line in got[1:21]) and got[21:] == expected[21:] and len(got) == 101
    assert not (parts / 'partial').exists()

    status, _, err = scripts.run(*test + ['--working_dir=%s' % (tmp_path / 'parts')])
    assert status == 0 and 'is finished' in err
    another = test + ['--working_dir=%s' % (tmp_path / 'parts'), '--attack_iter=51']
    status, _, err = scripts.run(*another)
    assert status == 2 and '--overwrite replaces them' in err and '0.125' in (
        parts / 'results.tsv').read_text()
    assert scripts.run(*another + ['--overwrite'])[0] == 0   # from the start
    assert '0.125' not in (parts / 'results.tsv').read_text()
