"""analyze.py on two small runs, and report.py on what it leaves."""
import csv
import json
import os

import numpy as np
import pytest

from evaluation.results import read_tsv
from properties.layer_tables import write_spectral, write_units
from properties.transfer_tables import read_matrix, write_split, write_transfer
from tests.running import ROOT, run_script
from tests.scripts.surviving import one_error


@pytest.fixture(scope='module')
def folder(scripts, tmp_path_factory):
    """Two runs, and a test of each with its adversarial images."""
    folder = tmp_path_factory.mktemp('analysed')
    for seed in ('1', '2'):
        status, _, err = scripts.run(
            'train.py', '--defense=none', '--layer_dims=16-12', '--niter=2', '--seed=' + seed,
            '--pretrain_niter=0', '--summary_frequency=0', '--train_dir=%s' % (folder / 'runs'))
        assert status == 0, err
        status, _, err = scripts.run(
            'test.py', '--load_dir=%s' % (folder / 'runs' / ('none_s' + seed)), '--save_adv',
            '--working_dir=%s' % (folder / 'test'), '--attacks=deepfool', '--num_examples=40')
        assert status == 0, err
    return folder


def lists(folder, kind):
    return ','.join(str(folder / kind / ('none_s%d' % seed)) for seed in (1, 2))


def report(folder, table):
    status, out, err = run_script('report.py', '--results_dir=%s' % folder, '--table=' + table,
                                  '--published')
    assert status == 0, err
    assert os.listdir(str(folder / 'report')) == [table + '.md'] or table == 'units'
    return [line.split(' | ') for line in out.splitlines() if line.startswith('| ')]


def test_the_diagonal_of_the_matrix_is_the_attack(scripts, folder, tmp_path):
    status, _, err = scripts.run(
        'analyze.py', 'transfer', '--test_dir=' + lists(folder, 'test'),
        '--load_dir=' + lists(folder, 'runs'), '--working_dir=%s' % tmp_path, '--stddev=0.3')
    assert status == 0, err
    matrix = read_matrix(str(tmp_path))
    assert matrix.sources == ['MLP, no defense, seed 1', 'MLP, no defense, seed 2']
    kinds = [(row['source'], row['stddev'], row['kind']) for row in matrix.rows]
    assert kinds == [(0, None, 'adversarial'), (0, None, 'gaussian'), (0, .3, 'adversarial'),
                     (1, None, 'adversarial'), (1, None, 'gaussian'), (1, .3, 'adversarial'),
                     (None, .3, 'gaussian')]
    for source, row in ((0, 0), (1, 3)):
        table = read_tsv(str(folder / 'test' / ('none_s%d' % (source + 1)) / 'results.tsv'))
        assert (matrix.errors[row, source] == (table['deepfool_pred'] != table['label'])).all()
        assert (matrix.wrong[source] == (table['pred'] != table['label'])).all()
        assert matrix.errors[row, source].sum() >= 39
        assert matrix.rows[row]['l2'] == pytest.approx(table['deepfool_l2'].mean(), rel=1e-5)
    with open(str(tmp_path / 'transfer.tsv'), newline='') as stream:
        rows = list(csv.DictReader(stream, delimiter='\t'))
    assert len(rows) == 14
    assert [int(row['errors']) for row in rows] == matrix.errors.sum(axis=2).ravel().tolist()
    assert all(float(row['low']) <= float(row['error']) <= float(row['high']) for row in rows)
    cells = report(tmp_path, 'transfer')
    found = [line for line in cells if line[0] == '| MLP, no defense, seed 1']
    assert len(found) == 4 and found[-1][2].startswith('%.1f [' % (
        100 * matrix.errors[0, 0].mean()))
    status, _, err = run_script('report.py', '--results_dir=%s' % tmp_path, '--table=split')
    assert status == 2 and '--split=p1 or p2' in one_error(err)
    contents = json.loads((tmp_path / 'transfer.json').read_text())
    for each, half in zip(contents['targets'] + contents['sources'], ('p1', 'p2') * 2):
        each['train']['args'].update(split=half, model='fc', dataset='mnist',
                                     layer_dims='100-100-10')
    (tmp_path / 'transfer.json').write_text(json.dumps(contents))
    status, out, err = run_script('report.py', '--results_dir=%s' % tmp_path, '--table=split')
    assert status == 0 and '| FC100-100-10, P2 |' in out and 'amplified to 0.3' in out, err


def test_units_and_norms(scripts, folder, tmp_path):
    status, _, err = scripts.run(
        'analyze.py', 'units', '--load_dir=' + lists(folder, 'runs'), '--untrained',
        '--working_dir=%s' % tmp_path, '--num_units=10', '--num_examples=150')
    assert status == 0, err
    networks = json.loads((tmp_path / 'units.json').read_text())['networks']
    assert [each['untrained'] for each in networks] == [False, False, True]
    for network in networks:
        places = [(layer['name'], layer['phase'], layer['units']) for layer in network['layers']]
        assert places == [('fc0', 'before', 16), ('fc0', 'after', 16), ('fc1', 'before', 12),
                          ('fc1', 'after', 12)]
        for layer in network['layers']:
            assert sum(layer['counts']['direction']) == 10 and layer['alive'] <= layer['units']
            assert sum(layer['counts']['unit']) == min(10, layer['alive'])
    assert len([name for name in os.listdir(str(tmp_path)) if name.endswith('.png')]) == 3
    status, _, err = scripts.run('analyze.py', 'spectral', '--load_dir=' + lists(folder, 'runs'),
                                 '--working_dir=%s' % tmp_path)
    assert status == 0, err
    networks = json.loads((tmp_path / 'spectral.json').read_text())['networks']
    products = [np.prod([layer['norm'] for layer in each['layers']]) for each in networks]
    assert [each['product'] for each in networks] == pytest.approx(products)
    cells = report(tmp_path, 'spectral')
    assert cells[1][2] == '%.3g' % products[0] and cells[-1][0] == '| AlexNet (paper)'
    cells = report(tmp_path, 'units')
    assert len([line for line in cells if len(line) == 11]) == 13   # with the header
    assert len([line for line in cells if len(line) == 6]) == 9


def test_what_is_wrong_is_one_line(scripts, folder, tmp_path):
    run, test = (str(folder / kind / 'none_s1') for kind in ('runs', 'test'))
    output = '--working_dir=%s' % tmp_path
    (tmp_path / 'spectral.json').write_text('{}')
    for arguments, words in (
            (['transfer'], '--test_dir is missing'),
            (['transfer', '--test_dir=' + test], '--load_dir is missing'),
            (['transfer', '--test_dir=' + run, '--load_dir=' + run], 'summary.json'),
            (['transfer', '--test_dir=' + test, '--load_dir=' + run, '--attacks=carlini'],
             'no adv_carlini.npz; there are deepfool'),
            (['transfer', '--test_dir=' + test, '--load_dir=' + run, '--stddev=0'],
             "--stddev is '0'; expected positive numbers"),
            (['units', '--load_dir=%s,%s' % (run, run)], 'are of the same'),
            (['units', '--load_dir=' + run, '--num_examples=5'], '--num_examples is 5'),
            (['spectral', '--load_dir=' + run], '--overwrite replaces it'),
            (['halves'], "the first argument is 'halves'; expected one of spectral, transfer")):
        status, _, err = scripts.run('analyze.py', *(arguments + [output]))
        assert status == 2 and words in one_error(err), err
    assert os.listdir(str(tmp_path)) == ['spectral.json']
    for table, words in (('transfer', 'transfer.json'), ('units', 'units.json'),
                         ('spectral', 'has no networks')):
        status, _, err = scripts.run('report.py', '--table=' + table, '--results_dir=%s' % tmp_path)
        assert status == 2 and words in one_error(err), err


@pytest.mark.parametrize('write, folder, page', [
    (write_spectral, 'properties', 'properties/README.md'),
    (write_units, 'properties', 'properties/README.md'),
    (write_transfer, 'properties', 'properties/transfer.md'),
    (write_split, 'intriguing/halves', 'intriguing/README.md')])
def test_the_recorded_tables_are_what_their_commands_print(tmp_path, write, folder, page):
    text = write(os.path.join(ROOT, 'results', folder), str(tmp_path), True)
    page = open(os.path.join(ROOT, 'results', page)).read()
    lines = [line for line in text.splitlines() if line.startswith('|')]
    assert len(lines) > 10 and all(line in page for line in lines)
