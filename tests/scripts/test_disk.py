"""A full disk, and tests that go on where they were."""
import contextlib
import json
import os
import re
import signal
import subprocess

import numpy as np
import pytest

from tests.preloaded import wait_for
from tests.scripts.surviving import RUN, RUN_FOLDER, assert_same, damage, one_error, variables
from training.checkpoints import found


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
