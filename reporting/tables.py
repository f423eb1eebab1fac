"""From result files to Table 1: collects the runs, averages over seeds, prints Markdown, CSV and
LaTeX; no TensorFlow here.
"""
import collections
import csv
import functools
import io
import os

from utils.errors import UserError, check
from utils.files import read_json, run_files
from utils.hyperparameters import TEST_PLACES, TRAIN_PLACES

import numpy as np

from evaluation.results import attacks_of, counted_rows, read_tsv, summarise
from experiments.published import published

ORDER = ('deepfool', 'carlini', 'high_confidence')
TITLES = {
    'error': 'Test error, %', 'deepfool': 'DeepFool', 'carlini': 'Carlini-Wagner',
    'high_confidence': 'Ours', 'worst': 'Worst case'
}
# Flags that may differ between the runs of a row; every other one is the same in all of them.
MAY_DIFFER = {
    'trained': {'seed', 'test_batch_size', 'summary_frequency',
                'checkpoint_frequency'}.union(TRAIN_PLACES),
    'tested': {'batch_size'}.union(TEST_PLACES)
}
KEY_TYPES = {'dataset': str, 'model': str, 'name': str, 'defense': str,
             'seed': int}   # entries of args.json that name a run
SHORTER = 0.05   # an attack that is beaten by more than this share of rho has not converged
DEFENSES = ('none', 'fgsm_at', 'vat', 'margin', 'pgd_at', 'critic')   # the order of Table 1

Run = collections.namedtuple(
    'Run', 'dataset model name defense seed split tables folders train test error')
Run.__doc__ = """One trained network and what was measured on it: tables {attack: table of its
results.tsv}, folders {attack: path},
train: the contents of its args.json, split: the images attacked, test: {attack: how it was tested},
error: share of the whole split misclassified."""

Table = collections.namedtuple('Table', 'title published columns rows runs')
Table.__doc__ = """A table: rows are (name, defense, {column: Cell}), published is (defense, column) -> number or None."""

Cell = collections.namedtuple('Cell', 'mean sd runs failed')
Cell.__doc__ = """A number of the table: mean over runs (None if every attack failed), standard
deviation (None for one run), failed attacks."""


def collect_runs(results_dir):
    """Every Run below results_dir, in the order of Table 1; raises UserError for a damaged file or
    an attack found twice.
    """
    runs = {}
    for path in run_files(results_dir, 'summary.json'):
        folder = os.path.dirname(path)
        summary = read_json(path)
        try:
            args = summary['train']['args']
            key = tuple(KEY_TYPES[name](args[name])
                        for name in KEY_TYPES) + (str(summary['test']['args']['split']), )
            error = float(summary['split_error'])
        except (KeyError, TypeError, ValueError):
            raise UserError('%s: lacks train.args with %s, test.args.split or split_error' %
                            (path, ', '.join(KEY_TYPES)))
        table = read_tsv(os.path.join(folder, 'results.tsv'))
        run = runs.setdefault(
            key, Run(*key, tables={}, folders={}, train=summary['train'], test={}, error=error))
        check(all(_same_network(table, other) for other in run.tables.values()),
              '%s and %s are tests of different networks; test '
              'both again', folder, ', '.join(sorted(set(run.folders.values()))))
        for attack in attacks_of(table):
            check(attack not in run.tables, '%s and %s both hold %s of the same run',
                  run.folders.get(attack), folder, attack)
            run.tables[attack], run.folders[attack], run.test[attack] = table, folder, summary.get(
                'test')
    place = {defense: i for i, defense in enumerate(DEFENSES)}
    return sorted(
        runs.values(), key=lambda run: (run.dataset, run.split, run.model != 'mlp', run.model,
                                        place.get(run.defense, len(place)), run.name, run.seed))


def _same_network(table, other):
    """Whether two tables show one network: equal predictions, and confidences but for rounding, on
    the images of both.
    """
    _, here, there = np.intersect1d(table['index'], other['index'], return_indices=True)
    return bool((table['pred'][here] == other['pred'][there]).all() and
                np.allclose(table['conf'][here], other['conf'][there], atol=1e-3))


def check_one_setting(runs):
    """Raises UserError when the runs of a row were trained or tested with different settings, which
    no mean should hide.
    """
    for run in runs[1:]:
        pairs = [('trained', runs[0].train['args'], run.train['args'])]
        pairs += [('tested', runs[0].test[attack]['args'], run.test[attack]['args'])
                  for attack in run.test
                  if attack in runs[0].test]
        for verb, first, args in pairs:
            for key in sorted((set(first) & set(args)) - MAY_DIFFER[verb]):
                check(
                    first[key] == args[key],
                    '%s of seeds %d and %d was %s with --%s=%s and --%s=%s; expected one setting in a row, or '
                    'two names', run.name, runs[0].seed, run.seed, verb, key, first[key], key,
                    args[key])


def rho_by_attack(run):
    """{attack: rho [n]} over the images that every attack was tried on, in one order.

    0 for an image that is misclassified to begin with, infinite where the attack failed.
    """
    index = sorted(
        set.intersection(*(set(table['index'].tolist()) for table in run.tables.values())))
    found = {}
    for attack, table in run.tables.items():
        rows = {image: row for row, image in enumerate(table['index'].tolist())}
        rho = np.where(counted_rows(table, attack), table[attack + '_rho'], np.inf)
        found[attack] = rho[[rows[image] for image in index]]
    return found


def worst_case(run):
    """rho of each image under whichever attack found the smallest: [n], see rho_by_attack."""
    return np.min(list(rho_by_attack(run).values()), axis=0)


def beaten(run, attack):
    """[n] bool: the images for which another attack found a perturbation more than SHORTER smaller
    than this one's.
    """
    rho = rho_by_attack(run)
    return np.min(list(rho.values()), axis=0) < (1 - SHORTER) * rho[attack]


def _values(runs, column):
    """The column's value in each run that has it, and the number of failed attacks behind them."""
    values, failed = [], 0
    for run in runs:
        if column == 'error':
            values.append(100 * run.error)
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
        return Cell(None, None, 0, failed) if failed else None
    return Cell(float(np.mean(values)),
                float(np.std(values, ddof=1)) if len(values) > 1 else None, len(values), failed)


def build_tables(runs):
    """A Table for each dataset and model."""
    tables = []
    for dataset, model, split in list(
            collections.OrderedDict.fromkeys((run.dataset, run.model, run.split) for run in runs)):
        chosen = [
            run for run in runs if (run.dataset, run.model, run.split) == (dataset, model, split)
        ]
        attacks = {attack for run in chosen for attack in run.tables}
        columns = ['error'] + [a for a in ORDER if a in attacks] + sorted(attacks - set(ORDER)) + (
            ['worst'] if len(attacks) > 1 else [])
        rows = []
        for name, defense in collections.OrderedDict.fromkeys(
            (run.name, run.defense) for run in chosen):
            same = [run for run in chosen if (run.name, run.defense) == (name, defense)]
            check_one_setting(same)
            whole = [run for run in same if attacks == set(run.tables)
                     ]   # the worst case of fewer attacks would look better
            rows.append((name, defense, {
                column: cell(whole if column == 'worst' else same, column) for column in columns
            }))
        reference = functools.partial(published, model if
                                      (dataset, split) == ('mnist', 'test') else None)
        tables.append(
            Table(', '.join([model, dataset] + ([split] if split != 'test' else [])), reference,
                  columns, rows, chosen))
    return tables


def cell_text(value, column, reference=None, pm='±'):
    """A Cell as text: mean, ± standard deviation, failed attacks, and the difference to a published
    value.
    """
    if value is None:
        return ''
    digits = '%.2f' if column == 'error' else '%.3f'
    text = '-' if value.mean is None else digits % value.mean
    if value.sd is not None:
        text += ' %s %s' % (pm, digits % value.sd)
    if value.failed:
        text += ' [%d failed]' % value.failed
    if reference is not None and value.mean is not None:
        text += ' (%s, %s)' % (digits % reference, ('%+.2f' if column == 'error' else '%+.3f') %
                               (value.mean - reference))
    return text


def rows_of(table, with_published, pm='±'):
    """The texts of a Table, row by row, the header first."""
    yield ['Defense'] + [TITLES.get(column, column) for column in table.columns]
    for name, defense, cells in table.rows:
        yield [name] + [
            cell_text(cells[column], column,
                      table.published(defense, column) if with_published else None, pm)
            for column in table.columns
        ]


def notes_of(table):
    """What is to be known beside a Table, as lines: how many images each attack was tried on, and
    where Carlini-Wagner was beaten.
    """
    counts = collections.OrderedDict()
    for column in table.columns:
        sizes = {len(run.tables[column]['index']) for run in table.runs if column in run.tables}
        if sizes:
            counts[TITLES.get(column, column)] = ' to '.join(
                '%d' % size for size in sorted({min(sizes), max(sizes)}))
    yield 'Images attacked in a run: %s.' % ', '.join('%s %s' % item for item in counts.items())
    if len(set(counts.values())) > 1:
        yield 'The worst case is of the images that every attack of a run was tried on.'
    lost = collections.OrderedDict()
    for run in table.runs:
        if 'carlini' in run.tables and len(run.tables) > 1:
            lost.setdefault(run.name, []).extend(beaten(run, 'carlini'))   # of all its seeds
    if lost:
        yield 'Images for which another attack is more than %d %% below Carlini-Wagner: %s.' % (
            100 * SHORTER, ', '.join('%s %d of %d' % (name, sum(images), len(images))
                                     for name, images in lost.items()))


def markdown(tables, with_published=False):
    """The tables as Markdown."""
    lines = []
    for table in tables:
        header, *rows = rows_of(table, with_published)
        lines += [
            '**%s**' % table.title, '',
            '| %s |' % ' | '.join(header), '|---' * len(header) + '|'
        ]
        lines += ['| %s |' % ' | '.join(row) for row in rows]
        lines += [''] + [line for note in notes_of(table) for line in (note, '')]
    return '\n'.join(lines)


def latex(tables, with_published=False):
    """The tables as LaTeX, one tabular each."""
    lines = []
    for table in tables:
        header, *rows = rows_of(table, with_published, pm='$\\pm$')
        lines += [
            '%% %s' % table.title,
            '\\begin{tabular}{l%s}' % ('r' * (len(header) - 1)), '\\hline'
        ]
        lines += [
            ' & '.join(_escape(text)
                       for text in row) + ' \\\\' + (' \\hline' if row is header else '')
            for row in [header] + rows
        ]
        lines += ['\\hline', '\\end{tabular}', '']
    return '\n'.join(lines)


def _escape(text):
    for character in '%_#&':
        text = text.replace(character, '\\' + character)
    return text


def to_csv(tables):
    """The tables as CSV, one line a cell: table, name, defense, column, mean, sd, runs, failed,
    published.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(
        ['table', 'name', 'defense', 'column', 'mean', 'sd', 'runs', 'failed', 'published'])
    for table in tables:
        for name, defense, cells in table.rows:
            for column, value in cells.items():
                if value is not None:
                    numbers = [
                        '' if number is None else repr(number) for number in (value.mean, value.sd)
                    ]
                    writer.writerow(
                        [table.title, name, defense, column] + numbers +
                        [value.runs, value.failed,
                         table.published(defense, column) or ''])
    return stream.getvalue()
