"""What is said of a set of universal perturbations, in NumPy.

pred [m, n]: the class of each of n images under each of m perturbations; clean [n]: without any.
"""
import numpy as np

COVERED = 0.95   # of the predictions: so many should the labels cover


def fooling_rates(pred, clean):
    """[m]: the share of all images whose class changes (the paper's fooling rate)."""
    return np.mean(pred != clean, axis=1)


def histogram(pred, num_classes):
    """[num_classes]: the share of each label among the predictions."""
    return np.bincount(np.ravel(pred), minlength=num_classes) / np.size(pred)


def covering_labels(shares):
    """The least number of labels that make up COVERED of the predictions, the paper's measure of
    diversity; shares [k] add up to 1.
    """
    covered = np.cumsum(np.sort(shares)[::-1])
    return int(np.searchsorted(covered, COVERED - 1e-9)) + 1


def entropy(shares):
    """Of the labels, in nats: a finer measure where there are ten."""
    found = shares[shares > 0]
    return float(-np.sum(found * np.log(found)))


def mean_cosine(deltas):
    """The mean cosine between two of the perturbations [m, ...]; 1 of one alone."""
    flat = np.float64(deltas).reshape(len(deltas), -1)
    unit = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    pairs = (unit @ unit.T)[np.triu_indices(len(flat), 1)]
    return float(pairs.mean()) if len(pairs) else 1.


def overlap(pred, clean):
    """The mean, over pairs of perturbations, of the share of images that both fool among those that
    either does; 1 of one alone.
    """
    fooled = np.float64(pred != clean)
    both = fooled @ fooled.T
    count = fooled.sum(axis=1)
    either = count[:, None] + count[None] - both
    share = np.where(either > 0, both / np.maximum(either, 1), 1.)
    pairs = share[np.triu_indices(len(fooled), 1)]
    return float(pairs.mean()) if len(pairs) else 1.


def summary_of(pred, clean, num_classes, deltas):
    """{name: number} of everything above, with the fooling rate's mean, standard deviation over
    the perturbations and best.
    """
    rates = fooling_rates(pred, clean)
    shares = histogram(pred, num_classes)
    return {'fooling_mean': float(rates.mean()), 'fooling_sd': float(rates.std()),
            'fooling_best': float(rates.max()), 'deltas': len(deltas),
            'labels': covering_labels(shares), 'entropy': entropy(shares),
            'cosine': mean_cosine(deltas), 'overlap': overlap(pred, clean)}
