"""The order of the images of an epoch, batches, and subsets."""
import numpy as np

from datasets import Split, balanced_subset, batches, epoch_order


def test_epoch_order_is_a_permutation_of_seed_and_epoch():
    first = epoch_order(100, 1, 1)
    assert sorted(first) == list(range(100))
    assert np.array_equal(epoch_order(100, 1, 1), first)
    assert not np.array_equal(epoch_order(100, 1, 2), first) and not np.array_equal(
        epoch_order(100, 2, 1), first)


def test_batches_cover_every_image_once():
    split = Split(np.arange(7), np.arange(7) * 10)
    seen = list(batches(split, 3, np.array([6, 5, 4, 3, 2, 1, 0])))
    assert [x.tolist()
            for x, _ in seen] == [[6, 5, 4], [3, 2, 1], [0]] and [y.tolist()
                                                                  for _, y in seen][2] == [0]
    assert [x.tolist() for x, _ in batches(split, 3, np.array([6, 5, 4]))
            ] == [[6, 5, 4]]   # what is left of an epoch
    assert [x.tolist() for x, _ in batches(split, 3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_balanced_subset():
    split = Split(np.arange(6), np.array([1, 0, 1, 0, 1, 2]))
    assert balanced_subset(split, 3, 2).x.tolist() == [1, 3, 0, 2, 5]
