"""--split=p1 and p2: halves of the training images."""
from utils.errors import UserError

import numpy as np
import pytest

from datasets import load_dataset


def test_halves_are_disjoint_and_the_other_one_validates(tmp_path):
    """The same halves every time, whatever validates; together they are all training images."""
    images = np.arange(24.).reshape(12, 1, 2, 1) / 24
    path = str(tmp_path / 'few.npz')
    np.savez(path, x_train=images, x_test=images[:6], y_train=np.arange(12) % 3,
             y_test=np.arange(6) % 3)
    found = {half: load_dataset(path, half=half) for half in ('p1', 'p2')}
    own = {half: set(data.train.x[:, 0, 0, 0]) for half, data in found.items()}
    assert len(own['p1']) == len(own['p2']) == 6 and len(own['p1'] | own['p2']) == 12
    for half, other in (('p1', 'p2'), ('p2', 'p1')):
        assert set(found[half].validation.x[:, 0, 0, 0]) == own[other]
        few = load_dataset(path, validation_size=2, half=half)
        assert np.array_equal(few.train.x, found[half].train.x) and len(few.validation.x) == 2
        assert np.array_equal(few.train.y, found[half].train.y)
    with pytest.raises(UserError, match="--split is 'p3'"):
        load_dataset(path, half='p3')
