"""Certified radii beside the smallest perturbations that were found: l2, image by image.

A certificate is about the predicted class, an attack about the label, so the two are compared on
the images that are classified correctly.
"""
import collections
import csv

from utils.errors import RunError, UserError, check
from utils.files import read_json, run_files

import numpy as np

from reporting.runs import KEY_TYPES, collect_runs, place_of

CLEAN_COLUMNS = ('index', 'label', 'pred', 'margin')
COLUMNS = ('radius', 'runner_up', 'seconds')
RADII = (0.1, 0.3, 0.5, 1.0, 1.5)   # of certified and attacked accuracy
TOLERANCE = 1e-6   # by which a certificate may be above an attack: float32 against float64
SURE = 1e-3   # a margin above which float32 and float64 see the same class

Bounds = collections.namedtuple('Bounds', 'dataset model name defense seed split error index label '
                                'pred margin radius seconds upper boxed')
Bounds.__doc__ = """What is known of one run's certified images: error of the whole split; index,
label, pred, margin [n]; radius, seconds: {certificate: [n]}; upper: {attack: l2 [n]}, infinite
where it failed and not a number where it was not tried; boxed: {attack: whether it keeps to [0,
1]}."""


def read_certificates(path):
    """{column: array [n]} of a certificates.tsv; raises UserError naming the file and the fault."""
    try:
        with open(path, newline='', encoding='utf-8') as stream:
            header, *rows = list(csv.reader(stream, delimiter='\t')) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError('%s: cannot be read: %s' % (path, error))
    expected = list(CLEAN_COLUMNS) + ['%s_%s' % (name, column) for name in names_of(header)
                                      for column in COLUMNS]
    check(header == expected and rows, '%s: line 1 is not %s and, for each certificate, %s, or no '
          'row follows', path, ' '.join(CLEAN_COLUMNS), ' '.join('_' + c for c in COLUMNS))
    for number, row in enumerate(rows, 2):
        check(len(row) == len(header), '%s: line %d has %d columns; expected %d', path, number,
              len(row), len(header))
    try:
        table = {column: np.array([float(row[i]) for row in rows])
                 for i, column in enumerate(header)}
    except ValueError as error:
        raise UserError('%s: %s' % (path, error))
    for column, values in table.items():
        check(np.isfinite(values).all(), '%s: %s holds what is not a finite number', path, column)
        if column in CLEAN_COLUMNS[:3] or column.endswith('_runner_up'):
            table[column] = values.astype(int)
    return table


def names_of(header):
    """The certificates that a table's columns belong to, in order."""
    return [column[:-len('_radius')] for column in header if column.endswith('_radius')]


def collect_bounds(results_dir):
    """Bounds of every run below results_dir that has a certificates.tsv, in the order of Table 1.

    Raises UserError for a damaged file, or certificates and attacks of different networks.
    """
    attacked = {run[:6]: run for run in collect_runs(results_dir)}
    found = []
    for path in run_files(results_dir, 'certificates.json'):
        record = read_json(path)
        try:
            args = record['train']['args']
            key = tuple(KEY_TYPES[name](args[name]) for name in KEY_TYPES)
            key += (str(record['test']['args']['split']),)
        except (KeyError, TypeError, ValueError):
            raise UserError('%s: lacks train.args with %s or test.args.split' %
                            (path, ', '.join(KEY_TYPES)))
        check(key not in [bounds[:6] for bounds in found],
              '%s: certificates of this run were found twice', path)
        table = read_certificates(path[:-len('json')] + 'tsv')
        found.append(bounds_of(path, key, table, attacked.get(key)))
    return sorted(found, key=place_of)


def bounds_of(path, key, table, run):
    """The Bounds of a run: its certificates, and a Run with its attacks or None."""
    upper, boxed = {}, {}
    wrong = table['pred'] != table['label']
    error = float(np.mean(wrong)) if run is None else run.error
    for attack, results in (run.tables.items() if run else ()):
        _, here, there = np.intersect1d(table['index'], results['index'], return_indices=True)
        differ = table['pred'][here] != results['pred'][there]
        check(not (differ & (table['margin'][here] > SURE)).any(),
              '%s and %s are of different networks; test both again', path, run.folders[attack])
        success = results[attack + '_success'][there] == 1
        upper[attack] = np.full(len(table['index']), np.nan)
        upper[attack][here] = np.where(success, results[attack + '_l2'][there], np.inf)
        boxed[attack] = run.test[attack].get('attacks', {}).get(attack, {}).get('box', True)
    names = names_of(table)
    return Bounds(*key, error=error, index=table['index'], label=table['label'],
                  pred=table['pred'], margin=table['margin'], upper=upper, boxed=boxed,
                  radius={name: table[name + '_radius'] for name in names},
                  seconds={name: table[name + '_seconds'] for name in names})


def best(bounds):
    """[n]: the largest of an image's certified radii."""
    return np.max(list(bounds.radius.values()), axis=0)


def smallest(bounds):
    """[n]: the smallest perturbation that any attack found, infinite where none did, not a number
    where none was tried.
    """
    uppers = list(bounds.upper.values()) or [np.full(len(bounds.index), np.nan)]
    return np.fmin.reduce(uppers)


def violations(bounds):
    """A line for each image, certificate and attack whose radius is above the perturbation."""
    lines = []
    right = bounds.pred == bounds.label
    for certificate, radius in bounds.radius.items():
        for attack, l2 in bounds.upper.items():
            if certificate.endswith('_box') and not bounds.boxed[attack]:
                continue
            with np.errstate(invalid='ignore'):
                broken = right & (radius > l2 + TOLERANCE)
            lines += ['%s %s_s%d, image %d: %s certifies %.6f, %s found %.6f' %
                      (bounds.model, bounds.name, bounds.seed, bounds.index[i], certificate,
                       radius[i], attack, l2[i]) for i in np.flatnonzero(broken)]
    return lines


def check_bounds(every):
    """Raises RunError naming image, certificate and attack where a certificate is above what an
    attack found: one of the two is wrong.
    """
    lines = [line for bounds in every for line in violations(bounds)]
    if lines:
        raise RunError('%d violations, of which the first: %s' % (len(lines), lines[0]))
