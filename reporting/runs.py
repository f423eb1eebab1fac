"""The tested runs of a folder, and what is known of their images under all attacks."""
import collections
import functools
import os

from utils.errors import UserError, check
from utils.files import read_json, run_files
from utils.hyperparameters import TEST_PLACES, TRAIN_PLACES

import numpy as np

from evaluation.results import attacks_of, read_tsv, solved
from experiments.table1 import DEFENSES
from terminal.progress import ProgressBar

# Settings that may differ between the runs of a row; every other one is the same in all of them.
MAY_DIFFER = {
    'trained': {'seed', 'test_batch_size', 'summary_frequency',
                'checkpoint_frequency'}.union(TRAIN_PLACES),
    'tested': {'batch_size', 'attacks', 'carlini'}.union(TEST_PLACES),
}
# The entries of args.json that name a run.
KEY_TYPES = {'dataset': str, 'model': str, 'name': str, 'defense': str, 'seed': int}
SHORTER = 0.05   # an attack that is beaten by more than this share of rho has not converged

Run = collections.namedtuple(
    'Run', 'dataset model name defense seed split tables folders train test error')
Run.__doc__ = """One trained network and what was measured on it.

tables: {attack: table of its results.tsv}; folders: {attack: path}; train: the contents of its
args.json; split: the images attacked; test: {attack: how it was tested}; error: share of the whole
split misclassified.
"""


def collect_runs(results_dir):
    """Every Run below results_dir, in the order of Table 1; raises UserError for a damaged file or
    an attack found twice.
    """
    runs = {}
    paths = run_files(results_dir, 'summary.json')
    with ProgressBar('reading results', len(paths)) as bar:
        for path in paths:
            add_run(runs, path)
            bar.add(1)
    return sorted(runs.values(), key=place_of)


def add_run(runs, path):
    """Adds what a summary.json and the table beside it hold to {key of a run: Run}."""
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
        run.tables[attack] = table
        run.folders[attack] = folder
        run.test[attack] = summary['test']


def place_of(run):
    """Where a run stands in the tables."""
    defense = DEFENSES.index(run.defense) if run.defense in DEFENSES else len(DEFENSES)
    return run.dataset, run.split, run.model != 'mlp', run.model, defense, run.name, run.seed


def _same_network(table, other):
    """Whether two tables show one network: equal predictions, and confidences but for rounding, on
    the images of both.
    """
    here = there = slice(None)
    if not np.array_equal(table['index'], other['index']):
        _, here, there = np.intersect1d(table['index'], other['index'], return_indices=True)
    return bool((table['pred'][here] == other['pred'][there]).all() and
                np.allclose(table['conf'][here], other['conf'][there], atol=1e-3))


def _test_settings(run, attack):
    """What an attack was run with: the flags of the test and its own hyper-parameters."""
    test = run.test[attack]
    return dict(test['args'], **test.get('attacks', {}).get(attack, {}))


def check_one_setting(runs):
    """Raises UserError when the runs of a row were trained or tested with different settings, which
    no mean should hide.
    """
    first = runs[0]
    for run in runs[1:]:
        _check_equal('trained', first, run, first.train['args'], run.train['args'])
        for attack in set(first.test) & set(run.test):
            _check_equal('tested', first, run, _test_settings(first, attack),
                         _test_settings(run, attack))


def _check_equal(verb, first, run, there, here):
    for key in sorted((set(there) & set(here)) - MAY_DIFFER[verb]):
        check(there[key] == here[key], '%s of seeds %d and %d was %s with --%s=%s and --%s=%s; '
              'expected one setting in a row, or two names', run.name, first.seed, run.seed, verb,
              key, there[key], key, here[key])


def joint(run):
    """One table of all attacks of a run, over the images that every one was tried on."""
    tables = list({id(table): table for table in run.tables.values()}.values())   # a file once
    whole = {}
    if all(np.array_equal(table['index'], tables[0]['index']) for table in tables):
        for table in tables:
            whole.update(table)
        return whole
    for attack in run.tables:
        check(not attack.endswith('_each'), '%s: has an image in several rows (--targets=each), '
              'which no other attack stands beside; expected it in another --results_dir',
              run.folders[attack])
    index = functools.reduce(functools.partial(np.intersect1d, assume_unique=True),
                             (table['index'] for table in tables))
    for table in tables:
        rows = rows_at(table, index)
        whole.update({column: values[rows] for column, values in table.items()})
    return whole


def rows_at(table, index):
    """The rows [n] of a table that hold the images `index` [n]."""
    order = np.argsort(table['index'])
    return order[np.searchsorted(table['index'][order], index)]


def rho_of(table, attack):
    """rho [n] under an attack: 0 for an image that is misclassified to begin with, infinite where
    the attack failed.
    """
    return np.where(solved(table, attack), table[attack + '_rho'], np.inf)


def rho_by_attack(run):
    """{attack: rho_of [n]} over the images that every attack was tried on, in one order."""
    table = joint(run)
    return {attack: rho_of(table, attack) for attack in run.tables}


def worst_case(run):
    """rho of each image under whichever attack found the smallest: [n], see rho_by_attack."""
    return np.min(list(rho_by_attack(run).values()), axis=0)


def beaten(run, attack):
    """[n] bool: the images for which another attack found a perturbation more than SHORTER smaller
    than this one's.
    """
    rho = rho_by_attack(run)
    return np.min(list(rho.values()), axis=0) < (1 - SHORTER) * rho[attack]
