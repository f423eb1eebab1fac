"""What stands on the terminal: flags refused at once, no chatter, streams of any kind."""
import os
import re
import shlex
import subprocess
import sys

from utils import entry

import pytest

from tests.running import ROOT, run_script

LOUD = '''
import contextlib, os
with contextlib.suppress(OSError):   # stderr is closed
    os.write(2, b'chatter of compiled code\\n')
'''
TINY = ['train.py', '--defense=none', '--layer_dims=8', '--batch_size=400', '--niter=1',
        '--pretrain_niter=0', '--summary_frequency=0']


@pytest.fixture
def fake(tmp_path):
    """Makes an environment in which the package tensorflow is this text."""
    def make(text):
        (tmp_path / 'tensorflow').mkdir()
        (tmp_path / 'tensorflow' / '__init__.py').write_text(text)
        environment = dict(os.environ, PYTHONPATH='%s%s%s' % (tmp_path, os.pathsep, ROOT))
        environment.pop('TF_CPP_MIN_LOG_LEVEL', None)
        return environment
    return make


def shell(command, **environment):
    """(exit status, stdout, stderr as bytes) of a bash command in which $PYTHON is this Python."""
    done = subprocess.run(['bash', '-c', command], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE,
                          env=dict(os.environ, PYTHON=sys.executable, **environment))
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize('script, flag, said', [
    ('train.py', '--nosuch=1', "'nosuch'"), ('train.py', '--nosuch', "'nosuch'"),
    ('train.py', '-hlep', "'hlep'. Did you mean: help ?"),
    ('test.py', '--resume --nitre=3', "'nitre'. Did you mean: niter ?"),
    ('test.py', '--lmbd_rec_l9=1', "'lmbd_rec_l9'. Did you mean: "),
    ('train.py', '--überlang=1', "'überlang'"),
])
def test_a_flag_that_cannot_be_is_refused_before_tensorflow_is_imported(fake, script, flag, said):
    environment = fake("raise RuntimeError('imported')")
    environment['PYTHONIOENCODING'] = 'utf-8'
    status, out, err = run_script(script, *flag.split(), env=environment, encoding='utf-8')
    assert (status, out) == (2, '')
    assert err.startswith('%s: error: Unknown command line flag %s' % (script, said))
    assert err.count('\n') == 1


NAMES = '''
import {script}
from absl import app, flags
app.define_help_flags()
print(' '.join(flags.FLAGS))
'''


@pytest.mark.parametrize('script', ['train', 'test', 'export', 'report', 'annotate', 'analyze',
                                    'generate_script'])
def test_no_flag_that_there_is_is_refused(scripts, tmp_path, script):
    (tmp_path / 'names.py').write_text(NAMES.format(script=script))
    status, out, err = scripts.run(tmp_path / 'names.py')
    assert status == 0, err
    names = out.split()
    assert len(names) > 20
    entry.refuse_unknown_flags(names + ['no' + name for name in names])


def test_what_may_be_the_value_of_a_flag_is_not_taken_for_a_flag():
    words = ['--train_dir', '--odd', '-resume', '--lr=-1', '-seed', '-3', '--', '--after']
    assert entry.flag_names(words, ['resume']) == ['train_dir', 'resume', 'lr', 'seed']
    assert entry.flag_names(['--a=1', 'word', '--b'], []) == ['a']


IMPORT = 'import utils, tensorflow; print(len(utils.__name__))'


def test_what_compiled_code_prints_while_tensorflow_is_imported_is_held_back(fake):
    environment = fake(LOUD)
    assert run_script('-c', IMPORT, env=environment) == (0, '5\n', '')
    assert run_script('-c', 'import importlib.util, utils; importlib.util.find_spec("tensorflow");'
                      + IMPORT, env=environment) == (0, '5\n', '')
    after = IMPORT + '; import os; os.write(2, b"kept")'
    assert run_script('-c', after, env=environment) == (0, '5\n', 'kept')
    environment['TF_CPP_MIN_LOG_LEVEL'] = '0'   # someone wants to hear it
    assert run_script('-c', IMPORT, env=environment) == (0, '5\n', 'chatter of compiled code\n')


def test_what_was_held_back_is_printed_where_the_import_fails(fake):
    environment = fake(LOUD + "raise ImportError('no such library')")
    status, _, err = run_script('-c', IMPORT, env=environment)
    assert status == 1 and err.startswith('chatter of compiled code\nTraceback')
    assert err.count('chatter of compiled code') == 1


def test_the_import_works_with_a_closed_stderr(fake):
    environment = fake(LOUD)
    command = "exec $PYTHON -c '%s' 2>&-" % IMPORT
    status, out, _ = shell(command, PYTHONPATH=environment['PYTHONPATH'])
    assert (status, out) == (0, b'5\n')


@pytest.mark.slow
def test_a_run_prints_its_own_lines_and_nothing_else(tmp_path):
    status, out, err = run_script(*TINY + ['--summary_frequency=1', '--train_dir=%s' % tmp_path])
    assert (status, out) == (0, ''), err
    assert re.match(r'none_s1  \d+\.\d\d %  rho 0\.\d{3}  \d+ s\n$', err), err
    log = (tmp_path / 'none_s1' / 'train.log').read_text()
    assert 'none_s1 epoch 1/1: loss ' in log and err in log


@pytest.mark.slow
def test_an_error_after_the_imports_is_the_only_line(tmp_path):
    status, out, err = run_script('train.py', '--lr=x', '--train_dir=%s' % tmp_path)
    assert (status, out) == (2, '') and err.startswith('train.py: error: ')
    assert err.count('\n') == 1


@pytest.mark.slow
def test_a_run_needs_none_of_the_three_streams(tmp_path):
    words = ' '.join(map(shlex.quote, TINY + ['--train_dir=%s' % tmp_path]))
    assert shell('$PYTHON %s <&- >&- 2>&-' % words)[0] == 0
    assert (tmp_path / 'none_s1' / 'samples' / 'curves.png').exists()
    assert shell('$PYTHON %s <&- >&- 2>&-' % words)[0] == 2   # it holds a run already
    assert shell('$PYTHON %s 2>/dev/full' % words)[0] == 2


@pytest.mark.parametrize('command, expected', [
    ('generate_script.py >&-', 0), ('generate_script.py --help >&-', 0),
    ('generate_script.py >/dev/full', 1), ('generate_script.py --help >/dev/full', 1),
    ('generate_script.py --runs=x >/dev/full', 2), ('generate_script.py | head -1 >/dev/null', 0),
    ('generate_script.py --help | true', 0)])
def test_stdout_that_is_closed_or_full_or_not_read_to_its_end(command, expected):
    status, _, err = shell('set -o pipefail; $PYTHON ' + command)
    assert status == expected
    assert err.count(b'\n') == bool(expected), err


def test_a_path_is_printed_as_its_bytes_or_not_at_all():
    for path in (b'\xc3\xbc', b'\xff'):
        command = b"$PYTHON generate_script.py --runs_dir='%s'" % path
        status, out, err = shell(command, PYTHONIOENCODING='utf-8')
        assert status == 0 and b"'--train_dir=%s/runs_mlp'" % path in out, err
    status, out, err = shell('$PYTHON generate_script.py --runs_dir=ü', PYTHONIOENCODING='ascii')
    assert (status, out) == (2, b'') and err.count(b'\n') == 1 and b'written in ascii' in err


@pytest.fixture(scope='module')
def tiny(scripts, tmp_path_factory):
    """A run in a folder whose name is not ASCII."""
    folder = tmp_path_factory.mktemp('vidé')
    assert scripts.run(*TINY + ['--train_dir=%s' % folder])[0] == 0
    return folder


@pytest.mark.slow
def test_test_report_and_export_into_a_path_that_stdout_cannot_print(tiny):
    folder, out = shlex.quote(str(tiny)), shlex.quote(str(tiny / 'out'))
    for command, stream, lines in (
            ('test.py --attacks=fgsm --num_examples=9 --load_dir=%s/none_s1 '
             '--working_dir=%s/test_mlp', ' >' + out, 1),
            ('export.py --load_dir=%s/none_s1 --output=%s/made', ' >&-', 1),
            ('report.py --results_dir=%s', ' >&-', 0),
            ('report.py --results_dir=%s', ' >' + out, 0)):
        status, _, err = shell('$PYTHON ' + command.replace('%s', folder) + stream,
                               PYTHONIOENCODING='ascii')
        assert status == 0 and err.count(b'\n') == lines, (command, err)
    assert b'vid\\xe9' in (tiny / 'out').read_bytes()
    assert (tiny / 'made' / 'weights.npz').exists()


def test_a_file_name_that_is_not_ascii_is_told_in_one_line(tmp_path):
    for script in ('test.py --load_dir=%s', 'report.py --results_dir=%s'):
        status, out, err = shell('$PYTHON ' + script % (tmp_path / 'é'), PYTHONIOENCODING='ascii')
        assert (status, out) == (2, b'') and err.count(b'\n') == 1 and b'\\xe9' in err, err
