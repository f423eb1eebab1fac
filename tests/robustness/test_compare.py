"""How near attacks are to the smallest perturbations: numbers made by hand, and the tables."""
import numpy as np
import pytest

from pages.html import page
from pages.pictures import Shown
from reporting.runs import collect_runs
from reporting.tables import build_tables
from robustness.compare import compared, ensemble_summary, lengths
from robustness.ensemble_table import comparison_markdown, comparisons
from tests.recorded import table, write_run

SMALLEST = np.array([0., 1., 2., 4.])   # the first image is wrong to begin with


def test_shares_and_optimality():
    same = compared(SMALLEST, SMALLEST)
    assert same == {'within_1': 1., 'within_5': 1., 'optimality': 1.}
    near = compared(np.array([0., 1.005, 2.08, np.inf]), SMALLEST)
    assert near['within_1'] == pytest.approx(1 / 3.) and near['within_5'] == pytest.approx(2 / 3.)
    # The curves end at 4, the largest: areas 7 / 4 and 7.085 / 4, and 12 / 4 without any attack.
    assert near['optimality'] == pytest.approx((12 - 7.085) / (12 - 7.))
    useless = compared(np.array([0., np.inf, np.inf, np.inf]), SMALLEST)
    assert useless['optimality'] == 0. and useless['within_5'] == 0.


@pytest.mark.parametrize('smallest', [np.zeros(3), np.array([0., np.inf, np.inf])])
def test_where_nothing_is_known_there_is_no_optimality(smallest):
    assert compared(smallest, smallest)['optimality'] is None


def results():
    """rho is a tenth of l2; the ensemble is below both members on the second image."""
    return table(deepfool=([0., .12, .2, .3], [1, 1, 1, 1]),
                 boundary=([0., .11, .202, .9], [1, 1, 1, 0]),
                 ensemble=([0., .1, .2, .3], [1, 1, 1, 1]))


def test_a_summary_has_it_where_the_ensemble_was_run():
    assert ensemble_summary(table(deepfool=([0.] * 4, [1] * 4))) == {}
    found = ensemble_summary(results())['ensemble']
    assert found['ensemble']['within_1'] == 1.
    assert found['boundary']['within_1'] == pytest.approx(1 / 3.)
    assert lengths(results(), 'boundary').tolist() == [0., 1.1, 2.02, np.inf]


def test_the_tables_take_in_what_another_test_found(tmp_path):
    write_run(tmp_path, 'test_mlp', 1, results())
    write_run(tmp_path, 'test_mlp_ca', 1, table(carlini=([0., .2, .1, .3], [1, 1, 1, 1])))
    tables = build_tables(collect_runs(str(tmp_path)))
    text = comparison_markdown(tables)
    assert '| adversary critic | Ensemble | 0.150 | 1.500 | 0 | 66.7 % | 66.7 % | 0.750 |' in text
    assert '| adversary critic | 4 | 0.125 | 0.100 | 75.0 | 75.0 | 25.0 | 25.0 | 25.0 |' in text
    assert 'Robust accuracy under all attacks' in page(
        [(tables[0], Shown({}, [], []))], comparisons=comparisons)
    write_run(tmp_path / 'plain', 'test_mlp', 1, table(deepfool=([0.] * 4, [1] * 4)))
    plain, = build_tables(collect_runs(str(tmp_path / 'plain')))
    assert comparisons(plain) == [] and comparison_markdown([plain]) == ''
