"""Top images, their purity, and the numbers beside them."""
import numpy as np
import pytest
from scipy.stats import binomtest, mannwhitneyu

from properties.statistics import difference, mann_whitney, subsamples, wilson
from properties.units import alive, directions, modal, principal, top_rows


def test_the_top_image_of_a_pixel_is_the_brightest_there():
    """phi the identity."""
    x = np.float32(np.random.RandomState(0).rand(50, 12))
    scores = {group: (values, numbers) for group, values, numbers in directions(x, 12, 3, 0)}
    values, pixels = scores['unit']
    assert pixels.tolist() == list(range(12))
    rows = top_rows(values, 3)
    assert rows[0].tolist() == x.argmax(axis=0).tolist()
    assert (np.sort(x, axis=0)[-3:][::-1] == np.take_along_axis(x, rows, axis=0)).all()
    assert {len(numbers) for _, numbers in scores.values()} == {12}
    cosine = np.corrcoef(scores['direction'][0].T, scores['shuffled'][0].T)[:12, 12:]
    assert np.abs(np.diag(cosine)).max() < .9   # other features: the same directions, other scores


def test_units_that_are_dead_or_like_too_few_images_are_left_out():
    phi = np.float32(np.random.RandomState(0).rand(20, 4))
    phi[:, 1] = 0
    phi[:, 2] = 0
    phi[4:6, 2] = 1
    assert alive(phi, 3).tolist() == [0, 3] and alive(phi, 2).tolist() == [0, 2, 3]
    groups = {group: numbers for group, _, numbers in directions(phi, 4, 3, 0)}
    assert groups['unit'].tolist() == [0, 3]


def test_the_first_principal_direction_is_the_longest():
    rng = np.random.RandomState(0)
    long = rng.randn(7)
    phi = rng.randn(200, 1) * long * 5 + .1 * rng.randn(200, 7) + 3
    main = principal(phi, 3)[:, 0]
    assert abs(main @ long) / np.linalg.norm(long) == pytest.approx(1, abs=1e-3)


def test_purity_counts_the_most_frequent_class():
    labels = np.array([[1, 0, 3], [1, 1, 3], [2, 2, 3], [1, 0, 3]])
    assert modal(labels).tolist() == [3, 2, 4]


def test_intervals_and_tests_are_scipys():
    for count, number in ((0, 256), (37, 1000), (1000, 1000), (3, 7)):
        expected = binomtest(count, number).proportion_ci(method='wilson')
        assert wilson(count, number) == pytest.approx((expected.low, expected.high), abs=1e-12)
    rng = np.random.RandomState(0)
    first, second = rng.randint(0, 5, 60), rng.randint(1, 8, 80)
    counts = [np.bincount(each, minlength=8) for each in (first, second)]
    expected = mannwhitneyu(first, second, alternative='two-sided')
    p, above = mann_whitney(*counts)
    assert p == pytest.approx(expected.pvalue)
    wins = np.mean(first[:, None] > second) + np.mean(first[:, None] == second) / 2
    assert above == pytest.approx(wins)
    value, low, high = difference(counts[0], counts[1], np.arange(8))
    error = np.sqrt(first.var() / 60 + second.var() / 80)
    assert value == pytest.approx(first.mean() - second.mean())
    assert [low - value, high - value] == pytest.approx([-1.96 * error, 1.96 * error], rel=.15)
    assert mann_whitney([0, 5], [0, 7]) == (1., .5) and mann_whitney([0, 0], [1, 1])[0] is None


def test_256_images_are_good_to_six_points():
    errors = np.arange(1000)[None] < [[500], [0]]
    low, high = subsamples(errors, 256)
    assert 100 * (high[0] - low[0]) / 2 == pytest.approx(6.1, abs=.3) and high[1] == 0
