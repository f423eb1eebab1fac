"""Results as data: one row an image in results.tsv, their summary in summary.json; no TensorFlow
here.

A row has the image's index, label, prediction, confidence and margin: the logit of the predicted
class minus the next largest, in float64 (older files lack it). For each attack it has
<attack>_pred, _conf, _l2, _rho, _success and _iterations; rho is ||r||_2 / ||x||_2 (eq. 8).
"""
import csv
import warnings

from utils.errors import UserError, check
from utils.files import atomic_write

import numpy as np

CLEAN_COLUMNS = ('index', 'label', 'pred', 'conf', 'margin')
OLDER_COLUMNS = CLEAN_COLUMNS[:-1]
ATTACK_COLUMNS = ('pred', 'conf', 'l2', 'rho', 'success', 'iterations')
INTEGERS = ('index', 'label', 'pred', 'success', 'iterations')
RADII = (0.5, 1., 1.5, 2.)   # l2, of robust accuracy


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


def columns(attacks, clean=CLEAN_COLUMNS):
    """The header of results.tsv for these attacks."""
    return list(clean) + [
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
        with open(path, encoding='utf-8') as stream:
            lines = stream.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError('%s: cannot be read: %s' % (path, error))
    header = lines[0].split('\t') if lines else []
    check(tuple(header[:4]) == OLDER_COLUMNS, '%s: line 1 does not begin with %s', path,
          ' '.join(OLDER_COLUMNS))
    clean = CLEAN_COLUMNS if 'margin' in header else OLDER_COLUMNS
    check(header == columns(attacks_of(header), clean) and len(set(header)) == len(header),
          '%s: line 1 names other columns than %s for each attack', path, ' '.join(ATTACK_COLUMNS))
    check(len(lines) > 1, '%s: has no row', path)
    for number, line in enumerate(lines[1:], 2):
        found = line.count('\t') + 1
        check(found == len(header), '%s: line %d has %d columns; expected %d', path, number, found,
              len(header))
    table = _parse_quickly(lines[1:], header)
    if table is None:   # to name the fault
        cells = [[_parse(path, number, column, text) for column, text in
                  zip(header, line.split('\t'))] for number, line in enumerate(lines[1:], 2)]
        table = dict(zip(header, map(np.asarray, zip(*cells))))
    return table


def _kind(column):
    return int if column.split('_')[-1] in INTEGERS else float


def _parse_quickly(lines, header):
    """The table of these lines, 40 times as fast as cell by cell; None where a cell is at fault."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            values = np.fromstring('\t'.join(lines), sep='\t').reshape(-1, len(header))
    except (ValueError, DeprecationWarning):
        return None
    table = {}
    for column, cells in zip(header, values.T.copy()):
        with np.errstate(invalid='ignore'):
            table[column] = cells.astype(_kind(column))
        if not np.array_equal(table[column], cells):   # not a whole number, or not a number
            return None
    return table


def _parse(path, number, column, text):
    kind = _kind(column)
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


def solved(table, attack):
    """[n] bool: all images but those that the attack failed on, and black ones, without a rho."""
    return (table[attack + '_success'] == 1) & np.isfinite(table[attack + '_rho']) | (
        table['pred'] != table['label'])


def averaged(table, attack):
    """[n] bool: the images that count in an attack's mean rho. Failures do, with the r that they
    were left with; what was returned as it was has no r, and a black image no rho.
    """
    return solved(table, attack) | (np.isfinite(table[attack + '_rho']) &
                                    (table[attack + '_l2'] > 0))


def robust_accuracy(table):
    """{radius: share of all images that are right and that no attack led to another class within
    this l2 radius}.
    """
    distance = np.where(table['pred'] == table['label'], np.inf, 0.)
    for attack in attacks_of(table):
        fooled = table[attack + '_pred'] != table['label']
        distance = np.where(fooled, np.minimum(distance, table[attack + '_l2']), distance)
    return {'%g' % radius: float(np.mean(distance > radius)) for radius in RADII}


def summarise(table):
    """What summary.json has of a table of results.

    median_margin: None in an older table; saturated: the share of images whose confidence is 1 in
    float32. rho and l2 are means over all images (eq. 8), see averaged; a median takes a failure as
    infinite. A mean over no image, and a median that is infinite, is None.
    """
    wrong = table['pred'] != table['label']
    return {
        'num_examples': len(wrong), 'error': _mean(wrong),
        'median_margin': float(np.median(table['margin'])) if 'margin' in table else None,
        'saturated': _mean(np.float32(table['conf']) == 1),
        'robust_accuracy': robust_accuracy(table),
        'attacks': {attack: summarise_attack(table, attack) for attack in attacks_of(table)}
    }


def summarise_attack(table, attack):
    """What summary.json has of one attack, see summarise."""
    wrong = table['pred'] != table['label']
    found, counted = solved(table, attack), averaged(table, attack)
    summary = {'failed': int(np.sum(~found)),
               'conf': _mean(table[attack + '_conf'][found & ~wrong]),
               'iterations': _mean(table[attack + '_iterations'][~wrong])}
    for norm in ('rho', 'l2'):
        values = table['%s_%s' % (attack, norm)]
        median = np.median(np.where(found, values, np.inf))
        summary.update({norm: _mean(values[counted]),
                        norm + '_median': float(median) if np.isfinite(median) else None})
    return summary


def _mean(values):
    return float(np.mean(values)) if len(values) else None
