"""test.py --certificates: what it writes, resumes and leaves out; the lines of the page."""
import json
import os
import re

import numpy as np
import pytest

from certificates import CERTIFICATES, Network
from evaluation.certify import layers_of
from reporting.bounds import read_certificates
from tests.running import ROOT, run_script
from tests.scripts.surviving import one_error
from tests.stored import random_images, random_network, reference_logits

FEW = ['--num_certified=6', '--num_examples=6', '--certificates=global,one_hidden,crown_box']


@pytest.fixture(scope='module')
def run(scripts, tmp_path_factory):
    """A run with one hidden layer of 16 units."""
    folder = tmp_path_factory.mktemp('certified')
    status, _, err = scripts.run('train.py', '--defense=none', '--layer_dims=16', '--niter=1',
                                 '--pretrain_niter=0', '--summary_frequency=0',
                                 '--train_dir=%s' % folder)
    assert status == 0, err
    return folder / 'none_s1'


def certify(scripts, run, folder, *arguments):
    """Runs test.py on the run; (exit status, stderr)."""
    status, _, err = scripts.run('test.py', '--load_dir=%s' % run, '--working_dir=%s' % folder,
                                 *arguments)
    return status, err


def test_attacks_and_certificates_side_by_side(scripts, run, tmp_path):
    status, err = certify(scripts, run, tmp_path / 'test_mlp', '--attacks=deepfool', *FEW)
    assert status == 0, err
    folder = tmp_path / 'test_mlp' / 'none_s1'
    table = read_certificates(str(folder / 'certificates.tsv'))
    assert sorted(table['index'].tolist()) == list(range(6))
    assert (np.diff(table['label']) >= 0).all() and (table['global_radius'] > 0).all()
    assert table['one_hidden_radius'].mean() > table['global_radius'].mean()
    assert (table['crown_box_runner_up'] != table['pred']).all()
    assert (table['crown_box_seconds'] > 0).all()
    record = json.loads((folder / 'certificates.json').read_text())
    assert record['certificates']['global']['mean'] == table['global_radius'].mean()
    assert not [name for name in os.listdir(str(folder)) if name.startswith('partial')]
    status, out, err = scripts.run('report.py', '--table=bounds', '--results_dir=%s' % tmp_path)
    assert status == 0, err
    assert '| none | 6 |' in out and 'l2 0.5' in out
    status, err = certify(scripts, run, tmp_path / 'alone', '--attacks=', *FEW)
    assert status == 0, err
    again = read_certificates(str(tmp_path / 'alone' / 'none_s1' / 'certificates.tsv'))
    assert 'results.tsv' not in os.listdir(str(tmp_path / 'alone' / 'none_s1'))
    for column, values in table.items():
        assert column.endswith('_seconds') or (values == again[column]).all()


def test_other_certificates_are_not_replaced_and_whole_ones_not_made_again(scripts, run, tmp_path):
    assert certify(scripts, run, tmp_path, '--attacks=', *FEW)[0] == 0
    path = tmp_path / 'none_s1' / 'certificates.json'
    before = path.read_text()
    status, err = certify(scripts, run, tmp_path, '--attacks=', '--resume', *FEW)
    assert status == 0 and 'is finished' in err and path.read_text() == before
    status, err = certify(scripts, run, tmp_path, '--attacks=', '--certificates=global')
    assert status == 2 and '--overwrite replaces it' in one_error(err)
    status, err = certify(scripts, run, tmp_path, '--attacks=', '--certificates=global',
                          '--num_certified=3', '--overwrite')
    assert status == 0 and json.loads(path.read_text())['num_examples'] == 3


def test_chunks_that_are_done_are_not_computed_again(tmp_path, monkeypatch):
    from evaluation.certify import certify_images
    from evaluation.partial import PartialResults
    network = Network(layers_of(random_network()), (16, 18, 2))
    images = np.float64(random_images(5)).reshape(5, -1)
    calls = []
    real = CERTIFICATES['crown']

    def counted(network, x):
        calls.append(len(x))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(network, x)

    counted.__module__ = 'certificates.crown'
    monkeypatch.setitem(CERTIFICATES, 'crown', counted)
    with pytest.raises(KeyboardInterrupt):
        certify_images('crown', network, images, PartialResults(str(tmp_path / 'p'), 'key', True))
    partial = PartialResults(str(tmp_path / 'p'), 'key', True)
    found = certify_images('crown', network, images, partial)
    assert calls == [1, 1, 1, 1, 1, 1]   # three, the one that was stopped, the last two
    assert np.allclose(found['crown_radius'], real(network, images).radius, rtol=1e-12, atol=0)


def test_what_does_not_apply_is_one_line(scripts, run, tmp_path):
    status, err = certify(scripts, run, tmp_path, '--attacks=', '--certificates=tightest')
    assert status == 2 and "--certificates is 'tightest'" in one_error(err)
    status, _, err = scripts.run('train.py', '--defense=none', '--layer_dims=8-8', '--niter=1',
                                 '--summary_frequency=0', '--activation_fn=tanh',
                                 '--pretrain_niter=0', '--train_dir=%s' % tmp_path)
    assert status == 0, err
    deep = tmp_path / 'none_s1'
    status, err = certify(scripts, deep, tmp_path / 'test', '--attacks=', '--num_certified=2',
                          '--certificates=global,one_hidden,crown')
    assert status == 0 and err.count('is left out') == 2
    assert 'one_hidden takes networks with one hidden dense layer' in err and 'tanh' in err
    status, err = certify(scripts, deep, tmp_path / 'none', '--attacks=', '--certificates=crown')
    assert status == 2 and 'none of them applies to this network' in one_error(err)
    assert not (tmp_path / 'none' / 'none_s1' / 'certificates.tsv').exists()


@pytest.mark.parametrize('architecture', ['mlp', 'lenet5', 'mlp1'])
@pytest.mark.parametrize('activation', ['relu', 'lrelu', 'softplus', 'softplus10', 'tanh'])
def test_the_layers_are_those_of_the_stored_network(architecture, activation):
    stored = random_network(architecture, activation)
    x = random_images(4)
    found = Network(layers_of(stored), (16, 18, 2)).forward(np.float64(x).reshape(4, -1))[-1]
    assert np.allclose(found, reference_logits(stored, x), atol=1e-12)


def test_the_lines_of_the_page_run(tmp_path):
    page = open(os.path.join(ROOT, 'docs', 'certificates.md'), encoding='utf-8').read()
    lines = re.search(r'```python\n(.*?)```', page, re.DOTALL).group(1)
    assert len(lines.splitlines()) <= 10
    script = tmp_path / 'lines.py'
    script.write_text(lines)
    status, out, err = run_script(str(script), env=dict(os.environ, PYTHONPATH=ROOT))
    assert status == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ['global', 'crown', 'crown_box',
                                                              'local_lip']
