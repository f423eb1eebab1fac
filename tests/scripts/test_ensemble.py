"""test.py --attacks=ensemble and --targets, from a run to the tables."""
import json

import numpy as np
import pytest

from evaluation.results import read_tsv
from tests.scripts.surviving import one_error


@pytest.fixture(scope='module')
def run(scripts, tmp_path_factory):
    """A run with one hidden layer of 16 units."""
    folder = tmp_path_factory.mktemp('attacked')
    status, _, err = scripts.run('train.py', '--defense=none', '--layer_dims=16', '--niter=3',
                                 '--pretrain_niter=0', '--summary_frequency=0',
                                 '--train_dir=%s' % folder)
    assert status == 0, err
    return folder / 'none_s1'


def attack(scripts, run, folder, *arguments):
    """Runs test.py on 30 images of the run; (exit status, stderr)."""
    status, _, err = scripts.run('test.py', '--load_dir=%s' % run, '--working_dir=%s' % folder,
                                 '--num_examples=30', *arguments)
    return status, err


def results(folder):
    return read_tsv(str(folder / 'none_s1' / 'results.tsv'))


def test_the_ensemble_is_the_closest_of_its_members_and_is_in_the_tables(scripts, run, tmp_path):
    status, err = attack(scripts, run, tmp_path / 'test_mlp', '--attacks=ensemble', '--save_adv',
                         '--attack_box_clip', '--attack_iter=100')
    assert status == 0, err
    table = results(tmp_path / 'test_mlp')
    members = ('deepfool', 'high_confidence', 'boundary', 'ddn')
    for member in members:
        found = table[member + '_success'] == 1
        assert (table['ensemble_l2'][found] <= table[member + '_l2'][found] * (1 + 1e-5)).all()
    assert (table['ensemble_success'] == 1).all()
    summary = json.loads((tmp_path / 'test_mlp' / 'none_s1' / 'summary.json').read_text())
    assert summary['test']['attacks']['boundary']['prune'] == 0
    facts = summary['ensemble']
    assert set(facts) == set(members) | {'ensemble'}
    assert facts['boundary']['within_1'] > .9 and facts['ensemble']['optimality'] == 1.
    status, out, err = scripts.run('report.py', '--html', '--results_dir=%s' % tmp_path)
    assert status == 0, err
    assert '| no defense | Boundary |' in out and 'Right at l2 0.5, %' in out


def test_targets(scripts, run, tmp_path):
    for aim in ('random', 'all'):
        status, err = attack(scripts, run, tmp_path / aim, '--attacks=boundary',
                             '--batch_size=2', '--num_examples=14', '--boundary_refine=20',
                             '--boundary_restarts=0', '--targets=' + aim)
        assert status == 0, err
        assert (results(tmp_path / aim)['boundary_%s_success' % aim] == 1).mean() > .9
    drawn, every = [results(tmp_path / aim)['boundary_%s_l2' % aim] for aim in ('random', 'all')]
    reached = results(tmp_path / 'random')
    found = reached['boundary_random_success'] == 1
    assert (every <= 1.02 * drawn)[found].all()
    assert every[found].mean() < drawn[found].mean()
    rows = reached['pred'] == reached['label']
    steps = [np.random.RandomState(place).randint(1, 10) for place in reached['index']]
    wanted = (reached['label'] + steps) % 10
    same = reached['boundary_random_pred'] == wanted
    assert (same == (reached['boundary_random_success'] == 1))[rows].all()
    status, err = attack(scripts, run, tmp_path / 'each', '--attacks=boundary', '--batch_size=2',
                         '--num_examples=2', '--boundary_refine=5', '--boundary_restarts=0',
                         '--targets=each')
    assert status == 0, err
    each = results(tmp_path / 'each')
    one, two = np.reshape(each['index'], (2, 9)).tolist()
    assert len(set(one)) == len(set(two)) == 1
    right = each['pred'] == each['label']
    assert right.any() and (each['boundary_each_success'] == 1).all()
    assert len(set(each['boundary_each_pred'][right])) * len(set(each['index'][right])) == 9
    status, err = attack(scripts, run, tmp_path / 'no', '--attacks=deepfool', '--targets=random')
    assert status == 2 and '--targets=random with deepfool, which takes none' in one_error(err)


def test_checks_are_written_resumed_and_tabulated(scripts, run, tmp_path):
    few = ['--attacks=', '--checks', '--num_checked=4', '--square_queries=40',
           '--transfer_from=%s' % run]
    status, err = attack(scripts, run, tmp_path / 'test_mlp', *few)
    assert status == 0, err
    path = tmp_path / 'test_mlp' / 'none_s1' / 'checks.json'
    before = path.read_text()
    facts = json.loads(before)['checks']
    assert set(facts) == {'gradients', 'linearity', 'convergence', 'random', 'curve',
                          'single_step', 'square', 'transfer'}
    assert facts['transfer']['passed'] and facts['random']['count'] == 0
    status, err = attack(scripts, run, tmp_path / 'test_mlp', '--resume', *few)
    assert status == 0 and 'is finished' in err and path.read_text() == before
    contents = json.loads(before)
    contents['checks']['square'].update(passed=False, count=3)
    path.write_text(json.dumps(contents))
    status, out, err = scripts.run('report.py', '--table=checks', '--results_dir=%s' % tmp_path)
    assert status == 0, err
    assert '* mlp, no defense, seed 1: square closer: 3 (!) of ' in out
    assert '| no defense, seed 1 | 4 |' in out
