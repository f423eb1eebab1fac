"""Figures 1, 2 and 4 of the paper, from results whose confidences are known."""
import os

from utils.errors import UserError

import numpy as np
import pytest

from evaluation.results import columns
from experiments.paper_figures import enough_margin
from figures.mosaic import mosaic
from pages.paper_figures import Reached, draw_figure, figure_markdown, kept_of, percent
from reporting.runs import collect_runs
from tests.recorded import write_run

LABEL = np.array([0, 0, 1, 1, 2, 2])
TARGET = np.array([1, 1, 0, 2, 2, 0])   # the fifth attack failed
CONF = np.array([0.99, 0.97, 0.96, 0.94, 0.5, 0.98])
L2 = np.array([3., 1., 2., 1., 0., 2.])
X = np.float32(np.arange(6).reshape(-1, 1, 1, 1) * np.ones((6, 4, 4, 1)) / 10)


def write(root, folder, attack, conf):
    """A test of six images whose adversarial confidences are `conf`."""
    table = {'index': np.array([9, 5, 6, 7, 8, 4]), 'label': LABEL, 'pred': LABEL,
             'conf': np.linspace(0.9, 1, 6)}
    values = {'pred': TARGET, 'conf': conf, 'l2': L2, 'rho': L2 / 10,
              'success': (TARGET != LABEL).astype(int), 'iterations': np.ones(6, int)}
    table.update({'%s_%s' % (attack, name): value for name, value in values.items()})
    assert set(table) == set(columns([attack])) - {'margin'}
    write_run(root, folder, 1, table)
    np.savez(str(root / folder / 'critic_s1' / ('adv_%s.npz' % attack)), x=X, x_adv=X + 0.3,
             y=LABEL)


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tested')
    write(folder, 'confident', 'carlini_random', CONF)
    write(folder, 'boundary', 'carlini', np.full(6, 0.4))
    return folder


@pytest.fixture(scope='module')
def runs(root):
    return collect_runs(str(root))


def test_what_counts_was_right_reached_its_class_and_is_confident(runs):
    kept = kept_of(runs[0], 2)[0]
    reached = Reached(kept, kept.attack)
    assert reached.between(0, 1).tolist() == [1, 0]   # in the order of the dataset
    assert reached.between(1, 2).tolist() == []       # 94 %
    assert reached.between(2, 2).tolist() == []       # failed
    assert reached.original(1).text == '0  92 %'
    assert reached.adversarial(1).text == '0→1  97 %'
    assert [percent(share) for share in (0.9999, 0.97, 1.)] == ['99 %', '97 %', '100 %']


@pytest.mark.parametrize('number, expected', [
    (1, {'test images': (0.92 + 0.94) / 2, 'adversarial images': (0.97 + 0.96) / 2}),
    (2, {'test images': (0.92 + 0.94 + 1.) / 3, 'adversarial images': (0.97 + 0.96 + 0.98) / 3}),
    (4, {'test images': 0.95, 'adversarial images at the boundary': 0.4,
         'confident adversarial images': (0.99 + 0.97 + 0.96 + 0.94 + 0.98) / 5})])
def test_a_figure_and_its_confidences_beside_the_papers(runs, tmp_path, number, expected):
    drawn, = draw_figure(number, runs, str(tmp_path))
    assert {what: value for what, value, _ in drawn.values} == pytest.approx(expected)
    assert os.path.getsize(drawn.path) > 1000
    assert os.path.exists(drawn.path.replace('.png', '.svg'))
    text = figure_markdown(number, [drawn])
    row = '| MLP, adversary critic | test images | %.1f | 9'
    assert row % (100 * expected['test images']) in text


def test_figure_2_prefers_one_image_a_row(runs):
    kept = kept_of(runs[0], 2)[0]
    reached = Reached(kept, kept.attack)
    reached.index = np.array([9, 5, 6, 6, 4, 4])     # image 6 became two classes
    reached.confident = np.ones(6, bool)
    assert [reached.widest(source) for source in (0, 1, 2, 3)] == [5, 6, 4, None]
    assert reached.between(0, 1).tolist() == [1, 0]
    assert reached.between(0, 1, first=9).tolist() == [0, 1]


def test_a_run_without_what_it_takes_is_told(root, tmp_path):
    write(tmp_path, 'boundary', 'carlini', CONF)
    runs = collect_runs(str(tmp_path))
    with pytest.raises(UserError, match='--targets=random --carlini_confidence=5.15 --save_adv'):
        draw_figure(1, runs, str(tmp_path))


def test_the_margin_is_enough_and_no_less_is():
    for k in (2, 10, 43):
        logits = np.r_[enough_margin(k), np.zeros(k - 1)]
        assert np.exp(logits[0]) / np.exp(logits).sum() == pytest.approx(0.95)


def test_a_mosaic_has_every_image_in_its_place():
    images = np.arange(5).reshape(-1, 1, 1, 1) * np.ones((5, 2, 3, 1)) / 10
    found = mosaic(images)
    assert found.shape == (5, 11, 3)
    assert (found[3:, 4:7] == 0.4).all() and (found[:2, 8:] == 0.2).all()
    assert (found[3:, 8:] == 0.5).all()   # nothing there
