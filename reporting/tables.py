"""From runs to Table 1: a row a defense, means over its seeds; no TensorFlow here."""
import collections
import functools

import numpy as np

from evaluation.results import summarise
from experiments.table1 import published
from reporting.runs import check_one_setting, worst_case

ORDER = ('deepfool', 'carlini', 'high_confidence')

Table = collections.namedtuple('Table', 'title published columns rows runs')
Table.__doc__ = """A table: rows are (name, defense, {column: Cell}), published is (defense,
column) -> number or None."""

Cell = collections.namedtuple('Cell', 'mean sd runs failed images')
Cell.__doc__ = """A number of the table: mean over runs (None if every attack failed), standard
deviation (None for one run), failed attacks, the images of all runs."""


def _values(runs, column):
    """The column's value in each run that has it, the number of failed attacks behind them and that
    of images.
    """
    values = []
    failed = images = 0
    for run in runs:
        if column == 'error':
            values.append(100 * run.error)
        elif column == 'worst':
            rho = worst_case(run)
            found = np.isfinite(rho)
            values.extend([rho[found].mean()] if found.any() else [])
            failed += int((~found).sum())
            images += len(rho)
        elif column in run.tables:
            attack = summarise(run.tables[column])['attacks'][column]
            values.extend([attack['rho']] if attack['rho'] is not None else [])
            failed += attack['failed']
            images += len(run.tables[column]['index'])
    return values, failed, images


def cell(runs, column):
    """The Cell of a column over the runs of a row; None where there is nothing to average."""
    values, failed, images = _values(runs, column)
    if not values:
        return Cell(None, None, 0, failed, images) if failed else None
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Cell(float(np.mean(values)), sd, len(values), failed, images)


def build_tables(runs):
    """A Table for each dataset, model and split."""
    groups = collections.OrderedDict()
    for run in runs:
        groups.setdefault((run.dataset, run.model, run.split), []).append(run)
    return [_table(*key, chosen) for key, chosen in groups.items()]


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
        # The worst case of fewer attacks would look better.
        whole = [run for run in same if attacks == set(run.tables)]
        cells = {column: cell(whole if column == 'worst' else same, column) for column in columns}
        rows.append((name, defense, cells))
    is_table_1 = (dataset, split) == ('mnist', 'test')
    reference = functools.partial(published, model if is_table_1 else None)
    title = ', '.join([model, dataset] + [split] * (split != 'test'))
    return Table(title, reference, columns, rows, runs)
