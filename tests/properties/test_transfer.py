"""Adversarial images given to other networks: lengths are exact, the diagonal is the attack."""

import numpy as np
import pytest

from experiments.intriguing_tables import TABLE2, paper_network, published_cell
from properties.networks import labels
from properties.transfer import amplify, rows_of


def images(n=6, seed=0):
    rng = np.random.RandomState(seed)
    x = np.float32(rng.rand(n, 4, 5, 1))
    return x, np.float32(np.clip(x + .1 * rng.randn(n, 4, 5, 1), 0, 1))


def test_amplified_perturbations_have_the_length_exactly_and_the_direction():
    x, x_adv = images()
    x_adv[2] = x[2]
    found = amplify(x, x_adv, 0.1) - np.float64(x)
    rms = np.sqrt(np.mean(found.reshape(6, -1) ** 2, axis=1))
    assert rms[[0, 1, 3, 4, 5]] == pytest.approx(0.1, rel=1e-12) and rms[2] == 0
    r = (np.float64(x_adv) - x).reshape(6, -1)
    cosines = (found.reshape(6, -1) * r).sum(axis=1)
    lengths = np.linalg.norm(r, axis=1) * 0.1 * np.sqrt(20)
    assert cosines == pytest.approx(lengths, rel=1e-9)


def test_noise_is_as_long_as_what_it_is_a_control_of():
    x, x_adv = images()
    x = np.float32(.4 + .2 * x)   # far from the ends of the box, so that nothing is clipped
    x_adv = np.float32(.4 + .2 * x_adv)
    rows = list(rows_of([{'deepfool': x_adv}], x, [0.01], seed=0))
    assert [(row.source, row.attack, row.stddev, row.kind) for row in rows] == [
        (0, 'deepfool', None, 'adversarial'), (0, 'deepfool', None, 'gaussian'),
        (0, 'deepfool', 0.01, 'adversarial'), (None, '', 0.01, 'gaussian')]
    l2 = [np.linalg.norm((np.float64(row.x_adv) - x).reshape(6, -1), axis=1) for row in rows]
    assert l2[0] == pytest.approx(l2[1], rel=1e-4)
    assert l2[2] == pytest.approx(0.01 * np.sqrt(20), rel=1e-4) == l2[3]
    cosine = [np.sum((row.x_adv - x) * (x_adv - x)) for row in rows]
    assert cosine[2] > 0 and abs(cosine[1]) < cosine[0] / 2


def test_what_the_paper_calls_its_networks():
    args = {'dataset': 'mnist', 'model': 'fc', 'layer_dims': '100-100', 'name': 'none', 'seed': 1}
    assert paper_network(args) == 'FC100-100-10'
    assert paper_network(dict(args, split='p2')) == 'FC100-100-10, P2'
    assert paper_network(dict(args, model='mlp')) == ''
    assert published_cell('FC100-100-10', 'FC200-200-10') == 6.6 == TABLE2['FC100-100-10'][4]
    assert published_cell('FC100-100-10, P1', 'FC100-100-10, P2', 0.1) == 43.
    assert published_cell('FC100-100-10', 'FC200-200-10', 0.1) is None
    records = [{'args': dict(args, model='mlp', seed=seed)} for seed in (1, 2)]
    assert labels(records) == ['MLP, no defense, seed 1', 'MLP, no defense, seed 2']
    assert labels(records[:1]) == ['MLP, no defense']
