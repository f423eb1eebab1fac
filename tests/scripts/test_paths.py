"""Any path that the file system takes, through every script."""
import os
import re
import shutil

import pytest

from training.checkpoints import found
from training.paths import plain_folder

# What a folder is called, and what a sibling is called that it would match as a pattern.
NAMES = [('a[1]b', 'a1b'), ('s*r', 'sibling-r'), ('q?', 'qq'), ('back\\slash', 'backslash'),
         ('[!x]', 'y'), ("vidé 数 $x \"' %s #&", 'other'), (os.fsdecode(b'latin-\xe9'), 'latin')]
TRAIN = ['train.py', '--defense=none', '--layer_dims=8', '--batch_size=400', '--pretrain_niter=0',
         '--summary_frequency=0', '--checkpoint_frequency=2']
TEST = ['test.py', '--attacks=fgsm', '--num_examples=20', '--save_adv']


def files(folder):
    """{path: content} of everything below a folder."""
    return {path: open(path, 'rb').read() for parent, _, names in os.walk(str(folder))
            for path in (os.path.join(parent, name) for name in names)}


def numbers(run, prefix):
    """The numbers of the checkpoints of a run, from the names of their files."""
    return sorted(int(name.split('.')[0][len(prefix):]) for name in os.listdir(str(run / 'chks'))
                  if name.startswith(prefix) and name.endswith('.index'))


@pytest.fixture(scope='module')
def sibling_run(scripts, tmp_path_factory):
    """A folder with a run that measured its attacks."""
    folder = tmp_path_factory.mktemp('sibling')
    status, _, err = scripts.run(*TRAIN + ['--niter=1', '--summary_frequency=1',
                                           '--train_dir=%s' % (folder / 'runs_mlp')])
    assert status == 0, err
    return folder


@pytest.mark.slow
@pytest.mark.parametrize('name, sibling', NAMES, ids=lambda name: ascii(name)[1:-1])
def test_a_run_is_trained_resumed_tested_reported_and_exported(scripts, sibling_run, tmp_path,
                                                               name, sibling):
    shutil.copytree(str(sibling_run), str(tmp_path / sibling))
    before = files(tmp_path / sibling)
    measured = tmp_path / 'measured' / name
    shutil.copytree(str(sibling_run), str(measured))
    run, tests = tmp_path / name / 'runs_mlp' / 'none_s1', tmp_path / name / 'test_mlp'
    train = TRAIN + ['--train_dir=%s' % run.parent]
    for command in (train + ['--niter=1'], train + ['--niter=4', '--resume'],
                    TEST + ['--load_dir=%s' % run, '--working_dir=%s' % tests],
                    ['report.py', '--results_dir=%s' % (tmp_path / name), '--html'],
                    ['report.py', '--results_dir=%s' % measured, '--validation'],
                    ['export.py', '--load_dir=%s' % run, '--output=%s' % (tmp_path / 'made')]):
        status, _, err = scripts.run(*command)
        assert status == 0, (command, err)
    steps = numbers(run, 'model-')
    assert len(steps) == 2 and steps[1] * 3 == steps[0] * 4, 'the last two of four epochs'
    assert numbers(run, 'epoch-') == [2, 4]
    rows = (run / 'metrics.jsonl').read_text().splitlines()
    assert len(rows) == 4 and not any('rho' in row for row in rows), '--summary_frequency=0'
    log = (run / 'train.log').read_text(encoding='utf-8')
    assert re.findall(r'none_s1 epoch (\d)/\d: ', log) == ['1', '2', '3', '4']
    assert [entry for entry in os.listdir(str(run)) if 'tfevents' in entry]
    report = tmp_path / name / 'report'
    assert '| no defense |' in (report / 'table.md').read_text()
    assert {'report.html', 'table.csv', 'table.tex'} <= set(os.listdir(str(report)))
    assert files(tmp_path / sibling) == before


@pytest.mark.slow
@pytest.mark.parametrize('name', ['[1]*', 'vidé 数'], ids=ascii)
def test_the_name_of_a_run(scripts, tmp_path, name):
    run = tmp_path / (name + '_s1')
    for command in (TRAIN + ['--niter=1', '--name=' + name, '--train_dir=%s' % tmp_path],
                    TEST + ['--load_dir=%s' % run, '--working_dir=%s' % (tmp_path / 'test_mlp')],
                    ['report.py', '--results_dir=%s' % tmp_path, '--html']):
        status, _, err = scripts.run(*command)
        assert status == 0, (command, err)


@pytest.mark.parametrize('name', [os.fsdecode(b'latin-\xe9'), 'a/b', 'a\nb', '/'], ids=ascii)
def test_a_name_that_no_table_can_show_is_refused(scripts, tmp_path, name):
    status, _, err = scripts.run(*TRAIN + ['--name=' + name, '--train_dir=%s' % tmp_path])
    assert status == 2 and '--name is %r; expected' % name in err and err.count('\n') == 1
    assert not os.listdir(str(tmp_path))


@pytest.mark.parametrize('name', ['a b', 'vidé', '{a}', '.', '-'])
def test_a_path_that_is_none_of_these_is_taken_as_it_is(name):
    with plain_folder(name) as plain:
        assert plain == name


@pytest.mark.parametrize('name, _', NAMES)
def test_the_other_path_names_the_same_folder_and_is_gone_after(tmp_path, name, _, monkeypatch):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(str(tmp_path))
    with plain_folder(name) as plain:
        assert os.path.samefile(plain, str(tmp_path / name))
        assert plain.encode() and not set('[]*?\\') & set(plain)
    assert plain == name or not os.path.lexists(plain)
    assert os.path.isdir(name) and not found(name)
