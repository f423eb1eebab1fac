"""Whether the critic surpasses the other defenses: ratios of worst cases with their intervals."""
import collections
import functools

import numpy as np

from experiments.names import defense_name
from reporting.runs import joint, rho_of, rows_at

CRITIC = 'critic'
DRAWS = 2000   # bootstrap samples of the images
BLOCK = 1 << 20   # drawn at a time


def ratio_text(values, base, digits=2):
    """The ratio of the means of values [n] and base [n], which are of the same images, with 95 % of
    DRAWS bootstrap samples of the images; '-' of nothing. What is not finite in either is left out.
    """
    rows = np.isfinite(values) & np.isfinite(base)
    values, base = values[rows], base[rows]
    if not len(base) or not base.any():
        return '-'
    rng = np.random.RandomState(0)
    samples = []
    while len(samples) < DRAWS:
        size = min(DRAWS - len(samples), max(1, BLOCK // len(base)))
        drawn = rng.randint(len(base), size=(size, len(base)))
        with np.errstate(divide='ignore', invalid='ignore'):
            samples.extend(values[drawn].mean(axis=1) / base[drawn].mean(axis=1))
    low, high = np.percentile(samples, (2.5, 97.5))
    return '%.*f [%.*f, %.*f]' % (digits, values.mean() / base.mean(), digits, low, digits, high)


def worst_by_image(runs):
    """(index [n], rho [n] under whichever attack found the smallest, a mean over the runs) of the
    images that every attack of every run was tried on, sorted by index.
    """
    tables = [joint(run) for run in runs]
    index = functools.reduce(np.intersect1d, (table['index'] for table in tables))
    worst = []
    for run, table in zip(runs, tables):
        rows = rows_at(table, index)
        worst.append(np.min([rho_of(table, attack)[rows] for attack in run.tables], axis=0))
    return index, np.mean(worst, axis=0)


def critic_over_others(table):
    """One line for a Table of build_tables: the critic's worst case over that of each other
    defense, of the images that both have; '' without the critic or without another.
    """
    by_name = collections.OrderedDict()
    for run in table.runs:
        by_name.setdefault(run.name, []).append(run)
    if CRITIC not in by_name or len(by_name) == 1:
        return ''
    index, critic = worst_by_image(by_name.pop(CRITIC))
    found = []
    for name, runs in by_name.items():
        other, worst = worst_by_image(runs)
        _, here, there = np.intersect1d(index, other, return_indices=True)
        found.append('%s %s' % (defense_name(name), ratio_text(critic[here], worst[there])))
    return ('Worst case of the %s over that of the others, in brackets 95 %% of %d bootstrap '
            'samples of the images: %s.' % (defense_name(CRITIC), DRAWS, ', '.join(found)))
