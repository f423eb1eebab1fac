"""Whether the critic surpasses the others: ratios of worst cases over the same images."""
import numpy as np
import pytest

from reporting.runs import collect_runs
from reporting.surpassed import critic_over_others, ratio_text, worst_by_image
from reporting.tables import build_tables
from tests.recorded import table, write_run


def part_of(whole, rows):
    return {column: values[rows] for column, values in whole.items()}


def test_the_ratio_and_its_interval():
    base = np.random.RandomState(1).uniform(1., 2., size=400)
    assert ratio_text(2 * base, base) == '2.00 [2.00, 2.00]'
    values = base + np.random.RandomState(2).normal(1., 0.5, size=400)
    text = ratio_text(np.append(values, np.inf), np.append(base, 1.), digits=3)
    ratio, low, high = (float(word.strip('[],')) for word in text.split())
    assert ratio == pytest.approx(values.mean() / base.mean(), abs=1e-3)
    # The delta method: the variance of a ratio of means.
    sd = np.std(values - ratio * base, ddof=1) / np.sqrt(400) / base.mean()
    assert (ratio - low, high - ratio) == pytest.approx((1.96 * sd, 1.96 * sd), rel=0.1)
    assert ratio_text(np.zeros(0), np.zeros(0)) == ratio_text(values, 0 * base) == '-'


def test_worst_cases_are_compared_on_the_images_of_both(tmp_path):
    every = [1, 1, 1, 1]
    for seed, rho in ((1, [0., .2, .4, .4]), (2, [0., .4, .4, .6])):
        write_run(tmp_path, 'test_mlp', seed, table(deepfool=(rho, every)))
    shuffled = part_of(table(carlini=([0., .3, .2, .9], every)), [3, 2, 1])
    write_run(tmp_path, 'test_mlp_ca', 1, shuffled)
    write_run(tmp_path, 'test_mlp', 1, part_of(table(deepfool=([0., .1, .2, .1], every)),
                                               [0, 1, 2]), defense='vat')
    runs = collect_runs(str(tmp_path))
    index, worst = worst_by_image([run for run in runs if run.name == 'critic'])
    assert index.tolist() == [1, 2, 3] and worst == pytest.approx([.3, .3, .5])
    text = critic_over_others(build_tables(runs)[0])
    assert text.startswith('Worst case of the adversary critic over that of the others')
    assert ': VAT 2.00 [' in text   # images 1 and 2: (.3 + .3) / (.1 + .2)
    assert critic_over_others(build_tables(runs[:1])[0]) == ''
