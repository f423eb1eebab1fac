"""From runs to Table 1: a row a defense, means over its seeds; no TensorFlow here."""
import collections
import functools

import numpy as np

from evaluation.results import RADII, summarise, summarise_attack
from experiments.table1 import published
from reporting.runs import check_one_setting, joint, worst_case

ORDER = ('deepfool', 'carlini', 'high_confidence')
JOINT = ('worst', 'robust_')   # what columns of all attacks of a run begin with

Table = collections.namedtuple('Table', 'title published columns rows runs')
Table.__doc__ = """A table: columns are those of Table 1; rows are (name, defense, {column: Cell}),
which have all columns; published is (defense, column) -> number or None."""

Cell = collections.namedtuple('Cell', 'mean sd runs failed images')
Cell.__doc__ = """A number of the table: mean over runs (None if every attack failed), standard
deviation (None for one run), failed attacks, the images of all runs."""


def measure(run):
    """{column: (value or None, failed attacks, images)} of a run, in the order of the long table.

    A median that is infinite, because more than half of the attacks failed, is given as such.
    """
    found = {'error': (100 * run.error, 0, 0)}
    for attack, table in run.tables.items():
        summary = summarise_attack(table, attack)
        found[attack] = summary['rho'], summary['failed'], len(table['index'])
        for column in ('rho_median', 'l2', 'l2_median'):
            infinite = np.inf if column != 'l2' else None
            value = summary[column]
            found['%s_%s' % (attack, column)] = (infinite if value is None else value), 0, 0
    rho = worst_case(run)
    solved = np.isfinite(rho)
    mean = rho[solved].mean() if solved.any() else None
    found['worst'] = mean, int((~solved).sum()), len(rho)
    found['worst_median'] = np.median(rho), 0, 0
    whole = summarise(joint(run))
    for radius, share in whole['robust_accuracy'].items():
        found['robust_' + radius] = 100 * share, 0, 0
    found['margin'] = whole['median_margin'], 0, 0
    found['saturated'] = 100 * whole['saturated'], 0, 0
    return found


def cell(runs, column):
    """The Cell of a column over the measured runs of a row; None where there is nothing to average.
    """
    measured = [run[column] for run in runs if column in run]
    values = [value for value, _, _ in measured if value is not None]
    failed = sum(failures for _, failures, _ in measured)
    images = sum(tried for _, _, tried in measured)
    if not values:
        return Cell(None, None, 0, failed, images) if failed else None
    spread = len(values) > 1 and np.isfinite(values).all()
    return Cell(float(np.mean(values)), float(np.std(values, ddof=1)) if spread else None,
                len(values), failed, images)


def build_tables(runs):
    """A Table for each dataset, model and split."""
    groups = collections.OrderedDict()
    for run in runs:
        groups.setdefault((run.dataset, run.model, run.split), []).append(run)
    return [_table(*key, chosen) for key, chosen in groups.items()]


def all_columns(columns):
    """The columns of the long table, from those of Table 1."""
    found = []
    for column in columns:
        found.append(column)
        if column == 'worst':
            found.append('worst_median')
        elif column != 'error':
            found += [column + ending for ending in ('_rho_median', '_l2', '_l2_median')]
    return found + ['robust_%g' % radius for radius in RADII] + ['margin', 'saturated']


def _table(dataset, model, split, runs):
    attacks = {attack for run in runs for attack in run.tables}
    columns = ['error'] + [attack for attack in ORDER if attack in attacks]
    columns += sorted(attacks - set(ORDER)) + ['worst'] * (len(attacks) > 1)
    by_name = collections.OrderedDict()
    for run in runs:
        by_name.setdefault((run.name, run.defense), []).append(run)
    rows = []
    for (name, defense), same in by_name.items():
        check_one_setting(same)
        measured = [measure(run) for run in same]
        # The worst case of fewer attacks would look better.
        whole = [values for run, values in zip(same, measured) if attacks == set(run.tables)]
        cells = {column: cell(whole if column.startswith(JOINT) else measured, column)
                 for column in all_columns(columns)}
        rows.append((name, defense, cells))
    is_table_1 = (dataset, split) == ('mnist', 'test')
    reference = functools.partial(published, model if is_table_1 else None)
    title = ', '.join([model, dataset] + [split] * (split != 'test'))
    return Table(title, reference, columns, rows, runs)
