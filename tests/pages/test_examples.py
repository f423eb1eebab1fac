"""The examples of a report: which images, what stands over them, and that what is kept is read."""
import os

from utils.errors import UserError

import numpy as np
import pytest
from matplotlib.image import imread

from figures.examples import colours, perturbations, plot_examples, tile
from figures.plots import plot_rho, share_above
from figures.samples import SAMPLES, extreme_rows, sample_rows, write_samples
from pages.examples import examples, extremes
from reporting.runs import collect_runs
from tests.recorded import A, table, write_run

X = np.float32(np.random.RandomState(0).uniform(size=(4, 6, 5, 1)))
X_ADV = np.clip(X + [[[[0.]]], [[[.1]]], [[[-.2]]], [[[.3]]]], 0, 1)


@pytest.fixture
def recorded(tmp_path):
    """`none` fails on its last image; `critic` misclassifies its second one."""
    failing = table(deepfool=([0., 0.1, 0.2, 0.3], [1, 1, 1, 0]))
    failing['deepfool_pred'] = np.array([0, 7, 8, 4])
    write_run(tmp_path, 'test_mlp', 1, failing, defense='none')
    critic = table(deepfool=A)
    critic['pred'] = np.array([0, 9, 3, 4])
    write_run(tmp_path, 'test_mlp', 1, critic)
    for name in ('none', 'critic'):
        folder = str(tmp_path / 'test_mlp' / (name + '_s1'))
        os.mkdir(os.path.join(folder, 'samples'))
        write_samples(folder, np.array([1, 2, 3]), X, {'deepfool': X_ADV})
    return tmp_path


def test_one_image_a_class_says_what_became_of_it(recorded):
    rows = examples(collect_runs(str(recorded)), 'deepfool')
    assert [row.label for row in rows] == ['original', 'no defense', 'adversary critic']
    assert [[example.text for example in row.examples] for row in rows] == [
        ['2', '3', '4'], ['2→7  ρ 0.10', '3→8  ρ 0.20', '4→4 failed'],
        ['seen as 9', '3→0  ρ 0.20', '4→0  ρ 0.30']]
    assert [example.failed for example in rows[1].examples] == [False, False, True]
    assert np.array_equal(rows[2].examples[0].image, X_ADV[1])
    signed, scale = perturbations(rows)
    for place, example in enumerate(signed[0].examples, 1):
        assert example.image == pytest.approx((X_ADV - X)[place, ..., 0])
    assert scale == pytest.approx(np.abs(X_ADV - X).max())


def test_the_easiest_and_hardest_are_those_that_were_fooled(recorded):
    run = collect_runs(str(recorded))[0]
    easiest, hardest = extremes(run, 'deepfool')
    assert [index for index, *_ in easiest] == [1, 2]   # 0 was wrong to begin with, 3 failed
    assert [index for index, *_ in hardest] == [2, 1]
    assert easiest[0][3] == pytest.approx(1.)
    rho = np.random.RandomState(1).uniform(size=1000)
    fooled = rho > 0.1
    low, high = extreme_rows(rho, fooled)
    assert len(low) == len(high) == 20
    assert np.array_equal(rho[low], np.sort(rho[fooled])[:20])
    assert np.array_equal(rho[high], np.sort(rho)[::-1][:20])
    kept = sample_rows(table(deepfool=A), ['deepfool'], np.array([0, 3]))
    assert kept.tolist() == [0, 1, 2, 3]


def test_adversarial_images_serve_where_no_samples_were_kept_and_damage_is_named(recorded):
    runs = collect_runs(str(recorded))
    folder = runs[0].folders['deepfool']
    expected = examples(runs[:1], 'deepfool')[1]
    os.remove(os.path.join(folder, SAMPLES))
    assert examples(runs[:1], 'deepfool') == []
    np.savez(os.path.join(folder, 'adv_deepfool.npz'), x=X, x_adv=X_ADV, y=np.arange(4))
    found = examples(runs[:1], 'deepfool')[1]
    assert [example.text for example in found.examples][1:] == [
        example.text for example in expected.examples]
    with open(os.path.join(folder, 'adv_deepfool.npz'), 'wb') as stream:
        stream.write(b'PK\3\4')
    with pytest.raises(UserError, match='adv_deepfool.npz: not the images of a test'):
        examples(runs[:1], 'deepfool')


def test_pictures_are_drawn_as_png_and_svg_and_failures_are_framed(recorded, tmp_path):
    rows = examples(collect_runs(str(recorded)), 'deepfool')
    for signed in (False, True):
        plot_examples(rows, str(tmp_path / 'a.png'), signed)
        pixels = imread(str(tmp_path / 'a.png'))[..., :3]
        vermillion = np.abs(pixels - np.array([0xD5, 0x5E, 0]) / 255.).max(axis=-1) < 0.02
        assert 100 < vermillion.sum() < 5000   # one frame and its text
        text = (tmp_path / 'a.svg').read_text()
        assert '<svg' in text
        plot_examples(rows, str(tmp_path / 'b.png'), signed)
        assert (tmp_path / 'b.svg').read_text() == text
    assert tile(X[0]).startswith(b'\x89PNG')
    red, white, blue = colours(np.array([[1., 0., -1.]]), 1.)[0]
    assert red[0] > 2 * red[2] and blue[2] > 2 * blue[0] and white.min() > 0.95


def test_the_share_of_images_above_a_value(tmp_path):
    rho = np.array([0.3, 0.1, np.inf, 0.2])
    values, share = share_above(rho)
    assert values.tolist() == [0., 0.1, 0.2, 0.3] and share.tolist() == [1., 0.75, 0.5, 0.25]
    values, share = share_above(np.random.RandomState(0).uniform(size=20000))
    assert len(values) == 1001 and share == pytest.approx(1 - values, abs=0.02)
    plot_rho({'critic': [rho], 'none': [np.array([np.inf])]}, 'DeepFool', str(tmp_path / 'r.png'),
             0.5)
    assert (tmp_path / 'r.png').exists() and (tmp_path / 'r.svg').exists()
