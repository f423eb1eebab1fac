"""The tables of a report: means over runs, failures, the worst case, results that do not belong
together.
"""
import csv
import io
import os

from utils.errors import UserError

import numpy as np
import pytest

from evaluation.results import columns
from reporting.runs import beaten, collect_runs, worst_case
from reporting.tables import all_columns, build_tables
from reporting.text import cell_text, latex, markdown, notes_of, rows_of, to_csv
from tests.recorded import A, B, table, write_run
from tests.running import run_script


def test_table_averages_runs_marks_failures_and_takes_the_worst_case(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A))
    write_run(tmp_path, 'test_mlp', 2, table(deepfool=([0., 0.2, 0.4, 0.6], [1] * 4)))
    write_run(tmp_path, 'test_mlp_ca', 1, table(carlini=B))
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A), defense='none')
    runs = collect_runs(str(tmp_path))
    assert [(run.name, run.seed) for run in runs] == [('none', 1), ('critic', 1), ('critic', 2)]
    built, = build_tables(runs)
    assert (built.title, built.columns) == ('mlp, mnist', ['error', 'deepfool', 'carlini', 'worst'])
    cells = built.rows[1][2]
    assert cells['deepfool'].mean == pytest.approx(0.225) and cells['deepfool'].sd == pytest.approx(
        np.std([0.15, 0.3], ddof=1))
    assert cells['carlini'].failed == 1 and cells['carlini'].runs == 1
    assert cell_text(cells['carlini'], 'carlini') == '0.287 [25 % failed]'
    assert cell_text(cells['deepfool'], 'deepfool', 0.29) == '0.225 ± 0.106 (0.290, -0.065)'
    assert cells['worst'].mean == pytest.approx(
        0.1125) and cells['worst'].runs == 1   # of seed 1, which has both attacks
    assert built.rows[0][2]['worst'] is None
    assert worst_case(runs[1]).tolist() == [0., 0.1, 0.05, 0.3]
    text = markdown(build_tables(runs), with_published=True)
    assert ('| adversary critic | 25.00 ± 0.00 (1.18, +23.82) | '
            '0.225 ± 0.106 (0.290, -0.065) |') in text
    assert '[25 \\% failed]' in latex(build_tables(runs)) and '$\\pm$' in latex(build_tables(runs))
    lines = list(csv.DictReader(io.StringIO(to_csv(build_tables(runs)))))
    assert [float(line['mean'])
            for line in lines
            if line['column'] == 'carlini'] == [cells['carlini'].mean]


def test_images_on_which_carlini_wagner_is_beaten_are_counted(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=([0., 0.1, 0.2, 0.3], [1] * 4)))
    write_run(tmp_path, 'test_mlp_ca', 1,
              table(carlini=([0., 0.104, 0.22, 0.1], [1, 1, 1, 0])))   # 4 %, 10 %, failed
    run, = collect_runs(str(tmp_path))
    assert beaten(run, 'carlini').tolist() == [False, False, True, True]
    assert not beaten(run, 'deepfool').any()
    assert list(notes_of(*build_tables([run]))) == [
        'Images attacked in a run: DeepFool 4, Carlini-Wagner 4.',
        'Images for which another attack is more than 5 % below Carlini-Wagner: '
        'adversary critic 2 of 4.']
    few = {column: values[:3] for column, values in table(high_confidence=A).items()}
    write_run(tmp_path, 'few', 1, few)
    assert list(notes_of(*build_tables(collect_runs(str(tmp_path)))))[:2] == [
        'Images attacked in a run: DeepFool 4, Carlini-Wagner 4, '
        'High-confidence (paper) 3.',
        'The worst case is of the images that every attack of a run was tried on.']
    write_run(tmp_path / 'alone', 'test_mlp', 1, table(deepfool=A))
    assert len(list(notes_of(*build_tables(collect_runs(str(tmp_path / 'alone')))))) == 1


def test_the_worst_case_is_at_most_every_other_column_image_by_image(tmp_path):
    rng = np.random.RandomState(0)
    attacks = {
        name: (rng.uniform(size=4), [1] * 4) for name in ('deepfool', 'carlini', 'high_confidence')
    }
    write_run(tmp_path, 'test_mlp', 1, table(**attacks))
    run, = collect_runs(str(tmp_path))
    for name, (rho, _) in attacks.items():
        assert (worst_case(run) <= rho).all()
    assert any(worst_case(run)[i] == attacks[name][0][i] for i in range(4) for name in attacks)


def test_splits_are_kept_apart_and_a_cell_without_any_success_shows_the_count(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A))
    write_run(tmp_path, 'val_mlp', 1, table(deepfool=([0.1] * 4, [0] * 4)), split='validation')
    validation, = [
        t for t in build_tables(collect_runs(str(tmp_path))) if t.title == 'mlp, mnist, validation'
    ]
    cells = validation.rows[0][2]
    assert cells['deepfool'].failed == 3 and cells['deepfool'].runs == 1
    contents = table(deepfool=([0.] * 4, [0] * 4))   # given back as they were
    contents['pred'] = contents['label'].copy()
    write_run(tmp_path, 'all_failed', 7, contents, defense='vat')
    rows = [
        row for t in build_tables(collect_runs(str(tmp_path))) for row in t.rows if row[0] == 'vat'
    ]
    assert cell_text(rows[0][2]['deepfool'], 'deepfool') == '- [100 % failed]'
    assert cell_text(rows[0][2]['deepfool_rho_median'], 'deepfool_rho_median') == '∞'


def test_two_defenses_under_one_name_are_two_rows(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A))
    write_run(tmp_path, 'other', 1, table(deepfool=([0., 0.2, 0.4, 0.6], [1] * 4)), defense='vat')
    path = tmp_path / 'other' / 'vat_s1' / 'summary.json'
    path.write_text(path.read_text().replace('"name": "vat"', '"name": "critic"'))
    means = [
        row[2]['deepfool'].mean for t in build_tables(collect_runs(str(tmp_path))) for row in t.rows
    ]
    assert means == pytest.approx([0.3, 0.15])


@pytest.mark.parametrize('old,new', [('"seed": 1', '"seed": "x"'),
                                     ('"split_error": 0.25', '"split_error": null'),
                                     ('"split": "test"', '"splat": 1')])
def test_a_damaged_summary_is_named(tmp_path, old, new):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A))
    path = tmp_path / 'test_mlp' / 'critic_s1' / 'summary.json'
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match='summary.json: lacks train.args'):
        collect_runs(str(tmp_path))


def test_the_same_attack_twice_is_an_error(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A))
    write_run(tmp_path, 'copy', 1, table(deepfool=A))
    with pytest.raises(UserError, match='both hold deepfool of the same run'):
        collect_runs(str(tmp_path))


@pytest.mark.parametrize('column,value', [('pred', 1), ('conf', 0.91)])
def test_results_of_two_networks_under_one_name_are_an_error(tmp_path, column, value):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A))
    other = table(carlini=B)
    other[column][2] = value
    write_run(tmp_path, 'test_mlp_ca', 1, other)
    with pytest.raises(UserError, match='critic_s1 are tests of different networks'):
        collect_runs(str(tmp_path))


@pytest.mark.parametrize('first,second,fault', [
    (dict(niter=10), dict(niter=100), 'trained with --niter=10 and --niter=100'),
    (dict(test={'hc_epsilon': 1e-8}), dict(test={'hc_epsilon': 1e-16}),
     'tested with --hc_epsilon=1e-08 and --hc_epsilon=1e-16'),
    (dict(niter=10, train_dir='a', test={'batch_size': 1}),
     dict(niter=10, train_dir='b', lmbd=1., test={'batch_size': 2}), None),
])
def test_seeds_with_different_settings_are_not_averaged(tmp_path, first, second, fault):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A), **first)
    write_run(tmp_path, 'test_mlp', 2, table(deepfool=A), **second)
    runs = collect_runs(str(tmp_path))
    if fault is None:
        assert build_tables(runs)[0].rows[0][2]['deepfool'].runs == 2
    else:
        with pytest.raises(UserError, match='critic of seeds 1 and 2 was ' + fault):
            build_tables(runs)


def test_results_further_down_belong_to_other_tables(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A))
    write_run(tmp_path, os.path.join('short', 'test_mlp'), 1, table(deepfool=A))
    run, = collect_runs(str(tmp_path))
    assert run.folders == {'deepfool': str(tmp_path / 'test_mlp' / 'critic_s1')}


def test_the_long_table_the_margin_and_the_mark_of_saturated_cells(tmp_path):
    sure = dict(table(high_confidence=A, deepfool=A), conf=np.ones(4), margin=np.arange(20., 24.))
    sure = {column: sure[column] for column in columns(['high_confidence', 'deepfool'])}
    write_run(tmp_path, 'test_mlp', 1, sure, defense='none')
    write_run(tmp_path, 'test_mlp', 1, table(high_confidence=B, deepfool=A))
    built, = build_tables(collect_runs(str(tmp_path)))
    notes = '\n'.join(notes_of(built))
    assert 'M of the clean images, in logits: no defense 21.5.' in notes
    assert 'confidence is 1 in float32, %: no defense 100.0, adversary critic 0.0.' in notes
    assert '1 + 16.6 / M' in notes
    assert '| no defense | 25.00 | 0.150 | 0.150* | 0.150 |' in markdown([built])
    assert '| adversary critic | 25.00 | 0.150 | 0.287 [25 % failed] |' in markdown([built])
    wide = built._replace(columns=all_columns(built.columns))
    header, none, critic = rows_of(wide, False)
    assert len(set(header)) == len(header) == len(none) == 18
    cells = dict(zip(header, critic))
    assert cells['High-confidence (paper), median'] == '0.125'
    assert cells['High-confidence (paper), median l2'] == '1.250'
    assert cells['Median margin'] == '' and dict(zip(header, none))['Median margin'] == '21.5'
    assert cells['Robust at 0.5, %'] == '50.0' and cells['Robust at 2, %'] == '25.0'
    assert cells['Worst case, median'] == '0.075'
    assert set(built.rows[0][2]) == set(wide.columns)


def test_columns_are_chosen_by_name(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A, carlini=B))
    for given, said in (('error,robust_1', '| Defense | Test error, % | Robust at 1, % |'),
                        ('all', '| Confidence 1, % |')):
        status, out, _ = run_script('report.py', '--results_dir=%s' % tmp_path,
                                    '--columns=' + given)
        assert status == 0 and said in out
    status, _, err = run_script('report.py', '--results_dir=%s' % tmp_path, '--columns=rho')
    assert status == 2 and err.count('\n') == 1
    assert "--columns is 'rho'; expected one of carlini, carlini_l2" in err
