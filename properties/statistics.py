"""Intervals and tests of shares."""
import numpy as np
from scipy.stats import mannwhitneyu

Z = 1.959963984540054   # of 95 %
DRAWS = 2000   # samples


def wilson(count, number):
    """The 95 % Wilson interval of a share, count of `number`: (low, high) in [0, 1]."""
    share = count / float(number)
    scale = 1 + Z * Z / number
    centre = (share + Z * Z / (2 * number)) / scale
    half = Z * np.sqrt(share * (1 - share) / number + Z * Z / (4. * number ** 2)) / scale
    return max(centre - half, 0.), min(centre + half, 1.)


def subsamples(errors, size, seed=0):
    """Between which shares 95 % of DRAWS samples of `size` images lie, drawn with replacement from
    errors [..., n] bool: two arrays [...].
    """
    drawn = np.random.RandomState(seed).randint(errors.shape[-1], size=(DRAWS, size))
    flat = errors.reshape(-1, errors.shape[-1])
    found = [np.percentile(row[drawn].mean(axis=1), (2.5, 97.5)) for row in flat]
    low, high = np.array(found).reshape(-1, 2).T
    return low.reshape(errors.shape[:-1]), high.reshape(errors.shape[:-1])


def mann_whitney(counts, others):
    """(p, share) of two samples given as how often each value occurs, the least value first: the
    two-sided p of the hypothesis that they are of one distribution, and how often a value of the
    first is above one of the second, a tie half; (None, None) where one is empty.
    """
    first, second = (np.repeat(np.arange(len(each)), each) for each in (counts, others))
    if not len(first) or not len(second):
        return None, None
    if len(set(first) | set(second)) == 1:   # nothing but ties, for which SciPy divides by zero
        return 1., 0.5
    found = mannwhitneyu(first, second, alternative='two-sided')
    return float(found.pvalue), float(found.statistic) / (len(first) * len(second))


def difference(counts, others, values, seed=0):
    """The difference of the means of two such samples with 95 % of DRAWS bootstrap samples:
    (difference, low, high); values: what the counts are of.
    """
    rng = np.random.RandomState(seed)
    means = [rng.multinomial(sum(each), np.array(each) / float(sum(each)), DRAWS).dot(values) /
             sum(each) for each in (counts, others)]
    exact = [np.dot(each, values) / float(sum(each)) for each in (counts, others)]
    return (exact[0] - exact[1],) + tuple(np.percentile(means[0] - means[1], (2.5, 97.5)))
