"""The bounds table: means, ratios, accuracies, and a certificate that an attack beats."""
import json
import os

from utils.errors import RunError, UserError

import numpy as np
import pytest

from evaluation.results import write_tsv
from reporting.bounds import best, check_bounds, collect_bounds, read_certificates, smallest
from reporting.bounds_table import accuracies, ratio_text, ratios, write_bounds
from tests.recorded import A, B, table, write_run
from tests.running import run_script

RADII = {'global': [0.5, 0.1, 0.2, 0.3], 'crown_box': [0.6, 0.4, 0.1, 0.6]}


def write_certificates(root, folder, name, radii=None, seed=1, pred=(0, 2, 3, 4), model='mlp'):
    """Of the four images of tests.recorded, of which the first is misclassified."""
    path = os.path.join(str(root), folder, '%s_s%d' % (name, seed))
    os.makedirs(path, exist_ok=True)
    contents = {'index': np.arange(4), 'label': np.arange(1, 5), 'pred': np.array(pred),
                'margin': np.ones(4)}
    for certificate, radius in (radii or RADII).items():
        contents[certificate + '_radius'] = np.array(radius)
        contents[certificate + '_runner_up'] = np.zeros(4, int)
        contents[certificate + '_seconds'] = np.full(4, 0.25)
    write_tsv(os.path.join(path, 'certificates.tsv'), contents)
    args = {'dataset': 'mnist', 'model': model, 'name': name, 'defense': name, 'seed': seed}
    with open(os.path.join(path, 'certificates.json'), 'w') as stream:
        json.dump({'train': {'args': args}, 'test': {'args': {'split': 'test'}}}, stream)


@pytest.fixture
def folder(tmp_path):
    """Two attacks of a run, l2 0, 1, 2, 3 and 0, 2, 0.5, failed; the certificates RADII."""
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A), defense='none')
    write_run(tmp_path, 'test_mlp_ca', 1, table(carlini=B), defense='none')
    write_certificates(tmp_path, 'test_mlp', 'none')
    return tmp_path


def test_certificates_and_attacks_are_joined_by_image(folder):
    bounds, = collect_bounds(str(folder))
    assert best(bounds).tolist() == [0.6, 0.4, 0.2, 0.6]
    assert smallest(bounds).tolist() == [0., 1., 0.5, 3.]
    assert ratios(bounds).tolist() == pytest.approx([0.4, 0.4, 0.2])
    found = {radius: (certified, attacked) for radius, certified, attacked in accuracies(bounds)}
    assert found[0.1] == (0.75, 0.75) and found[0.3] == (0.5, 0.75)
    assert found[0.5] == (0.25, 0.5) and found[1.0] == (0., 0.25)


def test_the_table_is_written_with_its_figure(folder):
    write_certificates(folder, 'test_mlp', 'critic', {'global': [0.1, 0.2, 0.4, 0.6]})
    text = write_bounds(str(folder), str(folder))
    assert ('| none | 4 | 25.00 | 0.200 | 0.367 | 0.400 | 1.500 | 0.33 | 0.30, 0.40, 0.40 |'
            in text)
    assert '| critic | 4 | 25.00 | 0.400 |  | 0.400 | - | - | - |' in text
    assert '| critic | 2.00 [2.00, 2.00] |  | 1.00 [' in text
    assert '| none | 75.0 / 75.0 | 50.0 / 75.0 | 25.0 / 50.0 | 0.0 / 25.0 | 0.0 / 25.0 |' in text
    assert (folder / 'bounds.md').read_text() == text
    assert 'mlp,mnist,test,none,1,violations,0.0\n' in (folder / 'bounds.csv').read_text()
    assert (folder / 'bounds_mlp_mnist_test.png').stat().st_size > 5000


def test_a_certificate_above_an_attack_ends_with_status_1_and_names_it(folder):
    radii = dict(RADII, crown=[9., 0.4, 0.6, 0.1])   # image 0 is misclassified: no violation
    write_certificates(folder, 'test_mlp', 'none', radii)
    message = ('1 violations, of which the first: mlp none_s1, image 2: crown certifies 0.600000, '
               'carlini found 0.500000')
    with pytest.raises(RunError) as error:
        check_bounds(collect_bounds(str(folder)))
    assert str(error.value) == message
    status, out, err = run_script('report.py', '--table=bounds', '--results_dir=%s' % folder)
    assert status == 1 and message in err and 'Traceback' not in err and not out
    assert not (folder / 'report' / 'bounds.md').exists()


def test_a_certificate_of_the_box_is_not_held_against_an_attack_outside_it(folder):
    write_certificates(folder, 'test_mlp', 'none', {'crown_box': [0., 0.4, 0.6, 0.1]})
    path = folder / 'test_mlp_ca' / 'none_s1' / 'summary.json'
    summary = json.loads(path.read_text())
    summary['test']['attacks'] = {'carlini': {'box': False}}
    path.write_text(json.dumps(summary))
    check_bounds(collect_bounds(str(folder)))


def test_an_image_that_was_not_attacked_counts_nowhere_but_in_the_means(folder):
    few = {column: values[:2] for column, values in table(deepfool=A).items()}
    write_run(folder, 'few', 1, few, defense='vat')
    write_certificates(folder, 'few', 'vat')
    bounds = collect_bounds(str(folder))[1]
    assert np.isnan(smallest(bounds)).tolist() == [False, False, True, True]
    assert [attacked for _, _, attacked in accuracies(bounds)] == [0.5, 0.5, 0.5, 0., 0.]


def test_other_networks_and_damaged_files_are_one_line(folder):
    path = folder / 'test_mlp' / 'none_s1' / 'certificates.tsv'
    whole = path.read_text()
    write_certificates(folder, 'test_mlp', 'none', pred=(0, 2, 3, 3))
    with pytest.raises(UserError, match='different networks'):
        collect_bounds(str(folder))
    for damaged, message in (('', 'line 1 is not'),
                             (whole.replace('global_seconds', 'x'), 'line 1'),
                             (whole.replace('0.25', 'nan'), 'not a finite number'),
                             (whole.replace('0.25', 'a'), 'could not convert'),
                             (whole + '1\n', 'line 6 has 1 columns')):
        path.write_text(damaged)
        with pytest.raises(UserError, match=message):
            read_certificates(str(path))
    write_certificates(folder, 'again', 'none')
    path.write_text(whole)
    with pytest.raises(UserError, match='found twice'):
        collect_bounds(str(folder))


def test_the_interval_of_a_ratio_covers_the_truth():
    rng = np.random.RandomState(0)
    covered = 0
    for _ in range(60):
        base = rng.uniform(1, 2, 80)
        values = base * 1.5 + rng.randn(80)
        text = ratio_text(values, base)
        low, high = map(float, text[text.index('[') + 1:-1].split(','))
        covered += low <= 1.5 <= high
    assert 50 <= covered <= 60


def test_published_ranges_and_the_column_of_eval_robustness(tmp_path):
    """The mean of that column is over all four images, the misclassified one included."""
    contents = table(deepfool=A, eval_robustness=([0.4, 0.1, 0.2, 0.3], [1, 1, 1, 1]))
    write_run(tmp_path, 'test_mlp1', 1, contents, defense='none', model='mlp1')
    write_certificates(tmp_path, 'test_mlp1', 'none', {'global': [.1, .1, .1, .1]}, model='mlp1')
    text = write_bounds(str(tmp_path), str(tmp_path), published=True)
    assert 'Quartiles | eval_robustness |' in text
    assert '| 2.500 |\n' in text and '| none | 1.6 | 1.1 | 0.37-0.4 |' in text
    assert '| cross-Lipschitz | 1.2-1.7 | 2-3.5 | 0.32-0.39 |' in text
    assert 'published' not in write_bounds(str(tmp_path), str(tmp_path))
    assert ',eval_robustness,2.5\n' in (tmp_path / 'bounds.csv').read_text()
