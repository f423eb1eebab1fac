"""Results as data: one row an image in results.tsv, their summary in summary.json; no TensorFlow
here.

For each attack a row has <attack>_pred, _conf, _l2, _rho, _success and _iterations; rho is ||r||_2
/ ||x||_2 (eq. 8).
"""
import csv

from utils.errors import UserError, check
from utils.files import atomic_write

import numpy as np

CLEAN_COLUMNS = ('index', 'label', 'pred', 'conf')
ATTACK_COLUMNS = ('pred', 'conf', 'l2', 'rho', 'success', 'iterations')
INTEGERS = ('index', 'label', 'pred', 'success', 'iterations')


def relative_norms(x, x_adv):
    """||x_adv - x||_2 and the same over ||x||_2, of images [n, ...], computed in float64: two
    arrays [n].

    For an image without any light, whose norm is zero, rho is infinite where r is not zero.
    """
    n = len(x)
    x = np.asarray(x, np.float64).reshape(n, -1)
    x_adv = np.asarray(x_adv, np.float64).reshape(n, -1)
    l2 = np.linalg.norm(x_adv - x, axis=1)
    x_norm = np.linalg.norm(x, axis=1)
    with np.errstate(divide='ignore', invalid='ignore'):
        return l2, np.where(l2 == 0, 0., l2 / x_norm)


def columns(attacks):
    """The header of results.tsv for these attacks."""
    return list(CLEAN_COLUMNS) + [
        '%s_%s' % (attack, column) for attack in attacks for column in ATTACK_COLUMNS
    ]


def write_tsv(path, table):
    """Writes {column: array [n]}; floats in the shortest form that reads back equal."""
    with atomic_write(path) as stream:
        writer = csv.writer(stream, delimiter='\t', lineterminator='\n')
        writer.writerow(table)
        for row in zip(*(values.tolist() for values in table.values())):
            writer.writerow([repr(value) for value in row])


def read_tsv(path):
    """Returns {column: array [n]} of a results.tsv; raises UserError naming the file, the line and
    the fault.
    """
    try:
        with open(path, newline='', encoding='utf-8') as stream:
            rows = list(csv.reader(stream, delimiter='\t'))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError('%s: cannot be read: %s' % (path, error))
    check(rows and tuple(rows[0][:4]) == CLEAN_COLUMNS, '%s: line 1 does not begin with %s', path,
          ' '.join(CLEAN_COLUMNS))
    header = rows[0]
    check(header == columns(attacks_of(header)) and len(set(header)) == len(header),
          '%s: line 1 names other columns than %s for each attack', path, ' '.join(ATTACK_COLUMNS))
    check(len(rows) > 1, '%s: has no row', path)
    table = {column: [] for column in header}
    for number, row in enumerate(rows[1:], 2):
        check(
            len(row) == len(header), '%s: line %d has %d columns; expected %d', path, number,
            len(row), len(header))
        for column, text in zip(header, row):
            table[column].append(_parse(path, number, column, text))
    return {column: np.asarray(values) for column, values in table.items()}


def _parse(path, number, column, text):
    kind = int if column.split('_')[-1] in INTEGERS else float
    try:
        value = kind(text)
        if kind is float and np.isnan(value):
            raise ValueError
        return value
    except ValueError:
        raise UserError('%s: line %d: %s is %r; expected %s' %
                        (path, number, column, text, 'an integer' if kind is int else 'a number'))


def attacks_of(header):
    """The attacks that a table's columns belong to, in order."""
    return [column[:-len('_success')] for column in header if column.endswith('_success')]


def counted_rows(table, attack):
    """[n] bool: the images that count in an attack's rho: all but those it failed on, and black
    ones, which have no rho.
    """
    return (table[attack + '_success'] == 1) & np.isfinite(table[attack + '_rho']) | (
        table['pred'] != table['label'])


def summarise(table):
    """{'num_examples', 'error', 'attacks': {name: {...}}} of a table of results.

    rho and l2 are means over all images but those whose attack failed, which are counted; an image
    that was misclassified to begin with counts with r = 0 (eq. 8). A mean over no image is None.
    """
    wrong = table['pred'] != table['label']
    summary = {
        'num_examples': int(len(wrong)), 'error': float(np.mean(wrong)) if len(wrong) else None,
        'attacks': {}
    }
    for attack in attacks_of(table):
        counted = counted_rows(table, attack)

        def mean(column, rows):
            return float(np.mean(table['%s_%s' % (attack, column)][rows])) if rows.any() else None
        summary['attacks'][attack] = {
            'rho': mean('rho', counted), 'l2': mean('l2', counted), 'failed': int(np.sum(~counted)),
            'conf': mean('conf', counted & ~wrong), 'iterations': mean('iterations', ~wrong),
        }
    return summary
