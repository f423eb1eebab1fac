"""Tables as Markdown, CSV and LaTeX."""
import collections
import csv
import io

import numpy as np

from experiments.names import column_name, defense_name, title
from reporting.runs import SHORTER, beaten
from reporting.surpassed import critic_over_others
from reporting.tables import ORDER

DIGITS = {'error': 2, 'margin': 1, 'saturated': 1}
CEILING = 16.6   # margin in logits at which float32 cannot tell a confidence from 1


def cell_text(value, column, reference=None, pm='±', mark=''):
    """A Cell as text: mean, mark, ± standard deviation, the share of attacks that failed, and the
    difference to a published value.
    """
    if value is None:
        return ''
    digits = DIGITS.get(column, 1 if column.startswith('robust_') else 3)
    number = '%%.%df' % digits
    text = '-' if value.mean is None else '∞' if np.isinf(value.mean) else number % value.mean
    text += mark
    if value.sd is not None:
        text += ' %s %s' % (pm, number % value.sd)
    if value.failed:
        text += ' [%.3g %% failed]' % (100. * value.failed / value.images)
    if reference is not None and value.mean is not None:
        text += ' (%s, %+.*f)' % (number % reference, digits, value.mean - reference)
    return text


def heading(table):
    """What a Table is of, for people: the classifier and the images."""
    run = table.runs[0]
    return title(run.model, run.dataset, run.split)


def saturated(cells):
    """Whether a row's confidence is 1 in float32 for more than half of its images."""
    return cells['saturated'].mean > 50


def rows_of(table, with_published, pm='±'):
    """The texts of a Table, row by row, the header first."""
    yield ['Defense'] + [column_name(column) for column in table.columns]
    for name, defense, cells in table.rows:
        yield [defense_name(name)] + [
            cell_text(cells[column], column,
                      table.published(defense, column) if with_published else None, pm,
                      '*' * (column.startswith('high_confidence') and saturated(cells)))
            for column in table.columns
        ]


def notes_of(table):
    """What is to be known beside a Table, as lines: how many images each attack was tried on,
    whether the critic surpasses the others, and where Carlini-Wagner was beaten.
    """
    counts = collections.OrderedDict()
    attacks = {attack for run in table.runs for attack in run.tables}
    for column in sorted(attacks, key=lambda name: (ORDER + (name,)).index(name)):
        sizes = {len(run.tables[column]['index']) for run in table.runs if column in run.tables}
        if sizes:
            counts[column_name(column)] = ' to '.join(
                '%d' % size for size in sorted({min(sizes), max(sizes)}))
    yield 'Images attacked in a run: %s.' % ', '.join('%s %s' % item for item in counts.items())
    if len(set(counts.values())) > 1:
        yield 'The worst case is of the images that every attack of a run was tried on.'
    over = critic_over_others(table)
    if over:
        yield over
    yield from _notes_of_confidence(table)
    lost = collections.OrderedDict()
    for run in table.runs:
        if 'carlini' in run.tables and len(run.tables) > 1:
            lost.setdefault(run.name, []).extend(beaten(run, 'carlini'))   # of all its seeds
    if lost:
        yield 'Images for which another attack is more than %d %% below Carlini-Wagner: %s.' % (
            100 * SHORTER, ', '.join('%s %d of %d' % (defense_name(name), sum(images), len(images))
                                     for name, images in lost.items()))


def _notes_of_confidence(table):
    """What the paper's attack, which goes to the confidence of the original, depends on."""
    if not any('high_confidence' in run.tables for run in table.runs):
        return
    for column, words in (('margin', 'Median margin M of the clean images, in logits'),
                          ('saturated', 'Clean images whose confidence is 1 in float32, %')):
        texts = ['%s %s' % (defense_name(name), cell_text(cells[column], column))
                 for name, _, cells in table.rows if cells[column] is not None]
        if texts:
            yield '%s: %s.' % (words, ', '.join(texts))
    if any(saturated(cells) for _, _, cells in table.rows):
        yield ('*: that is more than half of them. Such an attack may stop at a margin of %s, so '
               'that its rho over that of DeepFool is about 1 + %s / M: the column says as much '
               'about float32 as about robustness.' % (CEILING, CEILING))


def markdown(tables, with_published=False, notes=notes_of):
    """The tables as Markdown; notes: Table -> lines."""
    lines = []
    for table in tables:
        header, *rows = rows_of(table, with_published)
        lines += [
            '**%s**' % heading(table), '',
            '| %s |' % ' | '.join(header), '|---' * len(header) + '|'
        ]
        lines += ['| %s |' % ' | '.join(row) for row in rows]
        lines += [''] + [line for note in notes(table) for line in (note, '')]
    return '\n'.join(lines)


def best_rows(table):
    """{column: the numbers of the rows with its best value, as it is printed}: the least error, the
    largest rho or robust accuracy; none of a column that is neither.
    """
    found = {}
    for column in table.columns:
        shown = {row: round(cells[column].mean, 2 if column == 'error' else 3)
                 for row, (_, _, cells) in enumerate(table.rows)
                 if cells[column] is not None and cells[column].mean is not None}
        judged = len(shown) > 1 and column not in ('margin', 'saturated')
        best = (min if column == 'error' else max)(shown.values()) if judged else None
        found[column] = {row for row, value in shown.items() if value == best}
    return found


def latex(tables, with_published=False):
    """The tables as LaTeX, one tabular each with the rules of booktabs and the best in bold."""
    lines = ['% \\usepackage{booktabs}']
    for table in tables:
        header, *rows = rows_of(table, with_published, pm='$\\pm$')
        best = best_rows(table)
        lines += ['%% %s' % heading(table), '\\begin{tabular}{l%s}' % ('r' * (len(header) - 1)),
                  '\\toprule', ' & '.join(map(_escape, header)) + ' \\\\', '\\midrule']
        for place, (name, *cells) in enumerate(rows):
            texts = [('\\textbf{%s}' if place in best[column] else '%s') % _escape(text)
                     for column, text in zip(table.columns, cells)]
            lines.append(' & '.join([_escape(name)] + texts) + ' \\\\')
        lines += ['\\bottomrule', '\\end{tabular}', '']
    return '\n'.join(lines)


def _escape(text):
    for character in '%_#&':
        text = text.replace(character, '\\' + character)
    return text.replace('∞', '$\\infty$')


def to_csv(tables):
    """The tables as CSV, one line a cell: table, name, defense, column, mean, sd, runs, failed,
    published, images.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(
        ['table', 'name', 'defense', 'column', 'mean', 'sd', 'runs', 'failed', 'published',
         'images'])
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
                         table.published(defense, column) or '', value.images])
    return stream.getvalue()
