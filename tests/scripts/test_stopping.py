"""A sweep in bash: which runs it starts after a failure and after a signal, and how it ends."""
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.preloaded import wait_for
from tests.running import ROOT, run_script

# What a train.py does that is asked to stop, by default and once it trains; what some runs end in.
TRAIN = '''
import os, signal, sys, time
flags = dict(word[2:].split('=', 1) for word in sys.argv[1:])
path = os.path.join(flags['train_dir'], flags['name'])
ends, started = {ends}, path + '.started'
os.makedirs(flags['train_dir'], exist_ok=True)
if {obeys}:
    for number in signal.SIGINT, signal.SIGTERM, signal.SIGUSR1:
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
else:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
open(started, 'w').write(str(os.getpid()))
end = ends.get(flags['name'], 0)
if end == 'sleep':
    time.sleep(60)
if end < 0:
    os.kill(os.getpid(), -end)
sys.exit(end)
'''
SHELLS = [['bash'], ['bash', '-e'], ['sh']]


@pytest.fixture
def sweep(tmp_path):
    """Starts a sweep of the five defenses whose runs end as told, in a folder with an odd name:
    (the shell, {defense: file that says that it was started}).
    """
    folder = tmp_path / "a $b'c"
    folder.mkdir()
    shutil.copy(os.path.join(ROOT, 'generate_script.py'), str(folder))
    for package in ('utils', 'training', 'experiments'):
        shutil.copytree(os.path.join(ROOT, package), str(folder / package))

    def start(shell, ends, obeys=True, **how):
        (folder / 'train.py').write_text(TRAIN.format(ends=ends, obeys=obeys))
        text = subprocess.run([sys.executable, 'generate_script.py', '--preset=demo'],
                              cwd=str(folder), stdout=subprocess.PIPE, check=True).stdout
        (tmp_path / 'text').write_bytes(text)
        with open(str(tmp_path / 'text')) as stdin:
            process = subprocess.Popen(   # nohup, under which tests may run, ignores SIGHUP
                shell, cwd=str(folder), stdin=stdin, stderr=subprocess.PIPE,
                universal_newlines=True,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL), **how)
        runs = folder / 'demo' / 'runs_mlp'
        return process, {name: runs / (name + '.started')
                         for name in ('none', 'fgsm_at', 'vat', 'margin', 'critic')}
    return start


def started(files):
    return [name for name, path in files.items() if path.exists()]


@pytest.mark.parametrize('shell', SHELLS, ids=' '.join)
def test_after_a_failure_the_sweep_goes_on_and_in_the_end_names_it(sweep, shell):
    process, files = sweep(shell, {'fgsm_at': 1, 'vat': -signal.SIGKILL, 'critic': 2})
    err = process.communicate()[1]
    failed = re.findall(r'^  status (\d+): demo/runs_mlp/(\w+)$', err, re.MULTILINE)
    if '-e' in shell:
        assert started(files) == ['none', 'fgsm_at'] and process.returncode == 1
        assert failed == [('1', 'fgsm_at_s1')]
    else:
        assert len(started(files)) == 5 and process.returncode == 1
        assert failed == [('1', 'fgsm_at_s1'), ('137', 'vat_s1'), ('2', 'critic_s1')]
    assert err.count('sweep: these failed:') == 1 and 'stopped' not in err


@pytest.mark.parametrize('shell', SHELLS, ids=' '.join)
def test_a_sweep_without_a_failure_says_nothing(sweep, shell):
    process, files = sweep(shell, {})
    assert process.communicate()[1] == '' and process.returncode == 0
    assert len(started(files)) == 5


@pytest.mark.parametrize('shell', [['bash'], ['sh']], ids=' '.join)
@pytest.mark.parametrize('number, obeys', [
    (signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, True),
    (signal.SIGTERM, False), (signal.SIGUSR1, True), (signal.SIGHUP, False)])
@pytest.mark.parametrize('whom', ['group', 'run'])
def test_a_signal_ends_the_sweep(sweep, shell, number, obeys, whom):
    """To the process group, as Ctrl-C, or to the run alone, one that notes signals or dies."""
    process, files = sweep(shell, {'none': 1, 'vat': 'sleep'}, obeys, start_new_session=True)
    wait_for(lambda: files['vat'].exists() and files['vat'].read_text())
    time.sleep(0.05)   # the last thing before it sleeps is that file
    if whom == 'group':
        os.killpg(process.pid, number)
    else:
        os.kill(int(files['vat'].read_text()), number)
    err = process.communicate(timeout=30)[1]
    assert process.returncode in (128 + number, -number), err
    assert started(files) == ['none', 'fgsm_at', 'vat']
    if process.returncode > 0:
        assert err.count('sweep: stopped by a signal') == 1
        assert re.findall(r'^  status (\d+): (.*)$', err, re.MULTILINE) == [
            ('1', 'demo/runs_mlp/none_s1')]


def test_a_signal_to_the_shell_alone_ends_the_sweep_after_the_run(sweep):
    process, files = sweep(['bash'], {'vat': 'sleep'}, start_new_session=True)
    wait_for(lambda: files['vat'].exists() and files['vat'].read_text())
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)
    assert process.poll() is None
    os.kill(int(files['vat'].read_text()), signal.SIGKILL)
    err = process.communicate(timeout=30)[1]
    assert process.returncode == 143 and started(files) == ['none', 'fgsm_at', 'vat'], err


def test_nothing_to_do_prints_nothing(tmp_path):
    for flags in (['--train=False'], ['--train=False', '--launcher=slurm']):
        assert run_script('generate_script.py', '--preset=demo', *flags)[1]
    for defense in ('none', 'critic'):
        folder = tmp_path / 'test_mlp' / (defense + '_s1')
        folder.mkdir(parents=True)
        (folder / 'summary.json').write_text('{}')
    assert run_script('generate_script.py', '--preset=demo', '--train=False', '--skip_done',
                      '--defenses=none,critic', '--results_dir=%s' % tmp_path) == (0, '', '')


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_the_real_train_py_saves_and_the_sweep_ends(tmp_path, number):
    commands = run_script('generate_script.py', '--preset=demo', '--runs_dir=%s' % tmp_path,
                          '--defenses=none,fgsm_at')[1]
    (tmp_path / 'commands').write_text(commands)
    with open(str(tmp_path / 'commands')) as stdin:
        process = subprocess.Popen(['bash'], cwd=ROOT, stdin=stdin, stderr=subprocess.PIPE,
                                   universal_newlines=True, start_new_session=True)
    run = tmp_path / 'runs_mlp' / 'none_s1'
    wait_for((run / 'metrics.jsonl').exists)
    os.killpg(process.pid, number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number, err
    assert 'stopped by %s at ' % number.name in err and 'everything is saved' in err
    assert 'sweep: stopped by a signal' in err and os.listdir(str(run / 'chks'))
    assert os.listdir(str(run.parent)) == ['none_s1']


@pytest.mark.parametrize('flags, said', [
    ('--seed=4294967295 --runs=2', '--seed=4294967295 and 2 runs end with the seed 4294967296'),
    ('--seed=4294967290 --preset=paper', 'end with the seed 4294967299'),
    ('--runs=99999999999999999999', 'end with the seed 99999999999999999999'),
    ('--gpu_memory=2', "--gpu_memory is '2'"), ('--gpu_memory=', "--gpu_memory is ''"),
    ('--gpu_memory=nan', "--gpu_memory is 'nan'"), ('--models=', '--models is empty'),
    ('--defenses=none,none', '--defenses names one twice')])
@pytest.mark.parametrize('launcher', ['bash', 'slurm'])
def test_what_the_printed_commands_would_refuse_is_refused(flags, said, launcher):
    status, out, err = run_script('generate_script.py', '--launcher=' + launcher, *flags.split())
    assert (status, out) == (2, '') and err.count('\n') == 1 and said in err


def test_the_last_seed_there_is():
    out = run_script('generate_script.py', '--seed=4294967295', '--runs=1', '--models=mlp')[1]
    assert out.count('--seed=4294967295') == 5
