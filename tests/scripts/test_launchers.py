"""The sweep through bash, GNU parallel and SLURM: what reaches the programs, and that the report
comes out the same.
"""
import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from unittest import mock

import pytest

from tests.preloaded import wait_for
from tests.running import ROOT, run_script
from tests.scripts import cluster

ODD = "a b'c\"d;touch pwned;$(touch pwned)`touch pwned`&|*?~#\\{}{%}%A"
RECORD = '''import json, os, sys
open(os.environ['RECORD'], 'a').write(json.dumps(sys.argv[1:]) + '\\n')
'''
SWEEP = ['--preset=demo', '--niter=2', '--defenses=none,fgsm_at']
# In the tests of what it trains: what takes time there and that no launcher changes.
SMALLER = {
    '--train=True': {'--summary_frequency=60': '--summary_frequency=0'},
    '--train=False': {'--attacks=deepfool,high_confidence,boundary,carlini': '--attacks=deepfool',
                      ' --carlini_max_iter=1000': '', '--attack_iter=500': '--attack_iter=50',
                      '--num_examples=100': '--num_examples=10'}
}
# In place of PyTorch, which takes seconds to start: every grid is a black square.
STAND_INS = {'torch.py': 'from_numpy = id\n', 'torchvision/__init__.py': '',
             'torchvision/utils.py': '''from PIL import Image


def save_image(unused_images, stream, **unused):
    Image.new('L', (28, 28)).save(stream, 'png')
'''}


@pytest.fixture(scope='module', autouse=True)
def no_pytorch(tmp_path_factory):
    """The programs that the launchers start find the stand-ins in place of PyTorch."""
    folder = tmp_path_factory.mktemp('stand_ins')
    (folder / 'torchvision').mkdir()
    for name, text in STAND_INS.items():
        (folder / name).write_text(text)
    with mock.patch.dict(os.environ, PYTHONPATH=str(folder)):
        yield


@pytest.fixture
def copy(tmp_path):
    """The program in a folder with an odd name, with a train.py that writes down its arguments:
    (folder, that file).
    """
    folder = tmp_path / ODD
    folder.mkdir()
    shutil.copy(os.path.join(ROOT, 'generate_script.py'), str(folder))
    for package in ('utils', 'training', 'experiments'):
        shutil.copytree(os.path.join(ROOT, package), str(folder / package))
    (folder / 'train.py').write_text(RECORD)
    return folder, tmp_path / 'record'


def generated(folder, *arguments):
    return subprocess.run([sys.executable, 'generate_script.py'] + list(arguments), cwd=str(folder),
                          stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize('launcher', ['bash', 'parallel', 'slurm'])
def test_odd_names_reach_the_program_unchanged_and_run_nothing(copy, launcher):
    if launcher == 'parallel' and not shutil.which('parallel'):
        pytest.skip('GNU parallel is not installed (Debian: parallel)')
    folder, record = copy
    names = [
        '--runs_dir=' + ODD, '--data_dir=-' + ODD, '--models=mlp', '--defenses=none,critic',
        '--runs=1', '--launcher=' + launcher
    ]
    text = generated(folder, *names)
    environment = dict(os.environ, RECORD=str(record))
    for task in ('0', '1') if launcher == 'slurm' else ('',):
        subprocess.run({'bash': ['bash', '-e'], 'parallel': ['parallel', '-j1'],
                        'slurm': ['bash']}[launcher], input=text, check=True, cwd=str(folder),
                       env=dict(environment, SLURM_ARRAY_TASK_ID=task), universal_newlines=True)
    calls = [json.loads(line) for line in open(str(record))]
    assert len(calls) == 2
    for call, defense in zip(calls, ('none', 'critic')):
        assert {
            '--train_dir=' + os.path.join(ODD, 'runs_mlp'), '--data_dir=-' + ODD,
            '--defense=' + defense, '--resume=True'
        } <= set(call)
    assert not [name for name, _, files in os.walk(str(folder.parent)) if 'pwned' in files]


def test_a_line_break_in_a_name_is_refused():
    status, out, err = run_script('generate_script.py', '--runs_dir=a\nb')
    assert status == 2 and out == '' and "has a line break" in err and 'Traceback' not in err


def test_parallel_spreads_the_job_slots_over_the_gpus():
    if not shutil.which('parallel'):
        pytest.skip('GNU parallel is not installed (Debian: parallel)')
    lines = run_script('generate_script.py', '--launcher=parallel', '--gpus=2', '--runs=1',
                       '--models=mlp')[1].splitlines()
    shown = '\n'.join(
        line.split('python')[0].split('/')[0] + ' bash -c \'sleep 0.3; echo $CUDA_VISIBLE_DEVICES\''
        for line in lines)
    out = subprocess.run(['parallel', '-j4'], input=shown, stdout=subprocess.PIPE, check=True,
                         universal_newlines=True).stdout.split()
    assert len(out) == 5 and set(out) == {'0', '1'}


def test_gpu_memory_is_passed_on():
    lines = run_script('generate_script.py', '--launcher=parallel', '--gpu_memory=growth',
                       '--preset=demo')[1].splitlines()
    assert len(lines) == 5 and all(line.endswith(' --gpu_memory=growth') for line in lines)


def test_the_slurm_script_is_one_array_with_its_limits():
    text = run_script('generate_script.py', '--launcher=slurm', '--gpus=8')[1]
    subprocess.run(['bash', '-n'], input=text, check=True, universal_newlines=True)
    for line in ('#SBATCH --array=0-99%8', '#SBATCH --gres=gpu:1', '#SBATCH --requeue',
                 '#SBATCH --signal=B:USR1@60'):
        assert line in text.splitlines()
    assert 'gres' not in run_script('generate_script.py', '--launcher=slurm', '--gpus=0')[1]


def printed(folder, launcher, train):
    """What generate_script.py prints for the small sweep in a folder; train: --train=True or
    False.
    """
    status, out, err = run_script('generate_script.py', '--launcher=' + launcher, '--gpus=0',
                                  '--runs_dir=%s' % folder, '--results_dir=%s' % folder, train,
                                  *SWEEP)
    assert status == 0, err
    for usual, smaller in SMALLER[train].items():
        assert out.count(usual) == 2
        out = out.replace(usual, smaller)
    return out


def report(folder):
    """The table of the sweep in a folder."""
    status, out, err = run_script('report.py', '--results_dir=%s' % folder)
    assert status == 0, err
    return (folder / 'report' / 'table.md').read_text()


@pytest.fixture(scope='module')
def expected(scripts, tmp_path_factory):
    """The table that the commands lead to, one after the other, without a launcher."""
    folder = tmp_path_factory.mktemp('alone')
    for train in ('--train=True', '--train=False'):
        for line in printed(folder, 'parallel', train).splitlines():
            status, _, err = scripts.run(*shlex.split(line)[1:])
            assert status == 0, err
    return report(folder)


def running(folder, run):
    """The pid of the training of a run that has begun, None before that."""
    lock = folder / 'runs_mlp' / run / 'lock'
    found = re.match(r'process (\d+) ', lock.read_text()) if lock.exists() else None
    return found and int(found.group(1))


@pytest.mark.slow
def test_gnu_parallel_goes_on_from_its_log_after_a_kill(expected, tmp_path):
    if not shutil.which('parallel'):
        pytest.skip('GNU parallel is not installed (Debian: parallel)')
    lines = printed(tmp_path, 'parallel', '--train=True')
    command = ['parallel', '-j2', '--joblog', str(tmp_path / 'log'), '--resume-failed']
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT,
                             universal_newlines=True)
    first.stdin.write(lines)
    first.stdin.close()
    wait_for(lambda: running(tmp_path, 'fgsm_at_s1'))
    os.kill(running(tmp_path, 'fgsm_at_s1'), signal.SIGKILL)
    assert first.wait() == 1   # one job failed
    for text in (lines, printed(tmp_path, 'parallel', '--train=False')):
        subprocess.run(command, input=text, check=True, cwd=ROOT, universal_newlines=True,
                       stderr=subprocess.DEVNULL)
        command[command.index('--joblog') + 1] += '.test'
    assert len(
        (tmp_path / 'log').read_text().splitlines()) == 4   # a header, two jobs, one of them twice
    assert report(tmp_path) == expected


def pending(pid, number):
    """Whether a stopped process has been sent a signal."""
    with open('/proc/%d/status' % pid) as stream:
        return int(re.search(r'ShdPnd:\s*(\w+)', stream.read()).group(1), 16) >> number - 1 & 1


@pytest.mark.slow
def test_a_slurm_array_survives_a_preemption(expected, tmp_path):
    reason = cluster.why_not()
    if reason:
        pytest.skip(reason)
    slurm = cluster.Cluster(tempfile.mkdtemp(prefix='slurm', dir='/tmp'))
    try:
        try:
            slurm.wait_until_up()
        except RuntimeError as error:   # such as a container without what slurmd needs
            pytest.skip(str(error))
        logs = '--output=%s/log-%%A_%%a' % tmp_path
        train = slurm.call('sbatch', '--parsable', logs,
                           input=printed(tmp_path, 'slurm', '--train=True'), cwd=ROOT)
        test = slurm.call('sbatch', '--parsable', logs, '--dependency=aftercorr:' + train,
                          input=printed(tmp_path, 'slurm', '--train=False'), cwd=ROOT)
        wait_for((tmp_path / 'runs_mlp' / 'none_s1' / 'metrics.jsonl').exists)
        pid = running(tmp_path, 'none_s1')
        os.kill(pid, signal.SIGSTOP)   # so that it is not finished when the signal comes
        slurm.call('sbatch', '--parsable', '--partition=high', '--output=/dev/null',
                   '--wrap=sleep 1')
        wait_for(lambda: pending(pid, signal.SIGUSR1))
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: 'stopped by SIGUSR1' in (tmp_path / ('log-%s_0' % train)).read_text())
        end = time.time() + 300
        while slurm.call('squeue', '-h'):
            assert time.time() < end, slurm.call('squeue')
            subprocess.run(
                ['scontrol', 'update', 'JobId=%s_0' % train, 'StartTime=now'],
                env=slurm.environment, stderr=subprocess.DEVNULL)
            time.sleep(1)   # SLURM lets a requeued job wait for two minutes
        logs = {path: open(path).read() for path in glob.glob(str(tmp_path / 'log-*'))}
        assert set(logs) == {
            str(tmp_path / ('log-%s_%d' % (job, task))) for job in (train, test) for task in (0, 1)
        }, logs
        assert report(tmp_path) == expected, logs
    finally:
        slurm.stop()
        shutil.rmtree(slurm.folder, ignore_errors=True)
