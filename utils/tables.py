"""From result files to Table 1: collects the runs, averages over seeds, prints Markdown, CSV and LaTeX; no TensorFlow here."""
import collections
import csv
import io
import os

import numpy as np

from utils.errors import UserError, check
from utils.files import read_json
from utils.published import published
from utils.results import attacks_of, find_summaries, read_tsv, summarise

ORDER = ('deepfool', 'carlini', 'high_confidence')
TITLES = {'error': 'Test error, %', 'deepfool': 'DeepFool', 'carlini': 'Carlini-Wagner', 'high_confidence': 'Ours',
          'worst': 'Worst case'}
DEFENSES = ('none', 'fgsm_at', 'vat', 'margin', 'pgd_at', 'critic')   # the order of Table 1

Run = collections.namedtuple('Run', 'dataset model name defense seed tables folders')
Run.__doc__ = """One trained network and what was measured on it: tables {attack: table of its results.tsv}, folders {attack: path}."""

Cell = collections.namedtuple('Cell', 'mean sd runs failed')
Cell.__doc__ = """A number of the table: mean and standard deviation over runs (None for a single one), failed attacks in all."""


def collect_runs(results_dir):
    """Every Run below results_dir, in the order of Table 1; raises UserError for a damaged file or an attack found twice."""
    runs = {}
    for path in find_summaries(results_dir):
        folder = os.path.dirname(path)
        try:
            args = read_json(path)['train']['args']
            key = tuple(args[name] for name in ('dataset', 'model', 'name', 'defense', 'seed'))
        except (KeyError, TypeError):
            raise UserError('%s: has no entry train.args with dataset, model, name, defense and seed' % path)
        table = read_tsv(os.path.join(folder, 'results.tsv'))
        run = runs.setdefault(key, Run(*key, tables={}, folders={}))
        for attack in attacks_of(table):
            check(attack not in run.tables, '%s and %s both hold %s of the same run', run.folders.get(attack), folder, attack)
            run.tables[attack], run.folders[attack] = table, folder
    place = {defense: i for i, defense in enumerate(DEFENSES)}
    return sorted(runs.values(), key=lambda run: (run.dataset, run.model != 'mlp', run.model, place.get(run.defense, len(place)),
                                                  run.name, run.seed))


def worst_case(run):
    """rho of each image under whichever attack found the smallest, over the images that every attack was tried on.

    Returns rho [n], 0 for an image that is misclassified to begin with and infinite where every attack failed.
    """
    tables = run.tables
    index = sorted(set.intersection(*(set(table['index'].tolist()) for table in tables.values())))
    smallest = np.full(len(index), np.inf)
    for attack, table in tables.items():
        rows = {image: row for row, image in enumerate(table['index'].tolist())}
        chosen = [rows[image] for image in index]
        counted = (table[attack + '_success'][chosen] == 1) | (table['pred'][chosen] != table['label'][chosen])
        smallest = np.minimum(smallest, np.where(counted, table[attack + '_rho'][chosen], np.inf))
    return smallest


def _values(runs, column):
    """The column's value in each run that has it, and the number of failed attacks behind them."""
    values, failed = [], 0
    for run in runs:
        if column == 'error':
            table = max(run.tables.values(), key=lambda table: len(table['index']))
            values.append(100 * summarise(table)['error'])
        elif column == 'worst':
            rho = worst_case(run)
            found = np.isfinite(rho)
            values.extend([rho[found].mean()] if found.any() else [])
            failed += int((~found).sum())
        elif column in run.tables:
            attack = summarise(run.tables[column])['attacks'][column]
            values.extend([attack['rho']] if attack['rho'] is not None else [])
            failed += attack['failed']
    return values, failed


def cell(runs, column):
    """The Cell of a column over the runs of a row; None where there is nothing to average."""
    values, failed = _values(runs, column)
    if not values:
        return None
    return Cell(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None, len(values), failed)


def build_tables(runs):
    """[(title, columns, [(name, defense, {column: Cell})])], one table for each dataset and model."""
    tables = []
    for dataset, model in list(collections.OrderedDict.fromkeys((run.dataset, run.model) for run in runs)):
        chosen = [run for run in runs if (run.dataset, run.model) == (dataset, model)]
        attacks = {attack for run in chosen for attack in run.tables}
        columns = ['error'] + [a for a in ORDER if a in attacks] + sorted(attacks - set(ORDER)) + (['worst'] if len(attacks) > 1 else [])
        rows = []
        for name, defense in collections.OrderedDict.fromkeys((run.name, run.defense) for run in chosen):
            same = [run for run in chosen if run.name == name]
            rows.append((name, defense, {column: cell(same, column) for column in columns}))
        tables.append(('%s, %s' % (model, dataset), model, columns, rows))
    return tables


def cell_text(value, column, reference=None, pm='±'):
    """A Cell as text: mean, ± standard deviation, failed attacks, and the difference to a published value."""
    if value is None:
        return ''
    digits = '%.2f' if column == 'error' else '%.3f'
    text = digits % value.mean
    if value.sd is not None:
        text += ' %s %s' % (pm, digits % value.sd)
    if value.failed:
        text += ' [%d failed]' % value.failed
    if reference is not None:
        text += ' (%s, %s)' % (digits % reference, ('%+.2f' if column == 'error' else '%+.3f') % (value.mean - reference))
    return text


def _rows(table, with_published, pm='±'):
    _, model, columns, rows = table
    yield ['Defense'] + [TITLES.get(column, column) for column in columns]
    for name, defense, cells in rows:
        yield [name] + [cell_text(cells[column], column, published(model, defense, column) if with_published else None, pm)
                        for column in columns]


def markdown(tables, with_published=False):
    """The tables as Markdown."""
    lines = []
    for table in tables:
        header, *rows = _rows(table, with_published)
        lines += ['**%s**' % table[0], '', '| %s |' % ' | '.join(header), '|---' * len(header) + '|']
        lines += ['| %s |' % ' | '.join(row) for row in rows] + ['']
    return '\n'.join(lines)


def latex(tables, with_published=False):
    """The tables as LaTeX, one tabular each."""
    lines = []
    for table in tables:
        header, *rows = _rows(table, with_published, pm='$\\pm$')
        lines += ['%% %s' % table[0], '\\begin{tabular}{l%s}' % ('r' * (len(header) - 1)), '\\hline']
        lines += [' & '.join(_escape(text) for text in row) + ' \\\\' + (' \\hline' if row is header else '') for row in [header] + rows]
        lines += ['\\hline', '\\end{tabular}', '']
    return '\n'.join(lines)


def _escape(text):
    for character in '%_#&':
        text = text.replace(character, '\\' + character)
    return text


def to_csv(tables):
    """The tables as CSV, one line a cell: table, defense, column, mean, sd, runs, failed, published."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(['table', 'name', 'defense', 'column', 'mean', 'sd', 'runs', 'failed', 'published'])
    for title, model, columns, rows in tables:
        for name, defense, cells in rows:
            for column in columns:
                if cells[column] is not None:
                    value = cells[column]
                    writer.writerow([title, name, defense, column, repr(value.mean), '' if value.sd is None else repr(value.sd),
                                     value.runs, value.failed, published(model, defense, column) or ''])
    return stream.getvalue()
