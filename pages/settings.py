"""The settings of a table's runs: those that they share, and those in which they differ."""
import collections

from experiments.names import defense_name
from pages.examples import first_runs

LEFT_OUT = ('seed', 'name', 'train_dir', 'load_dir', 'working_dir')   # what names a run


def settings_of(run):
    """{setting: text} of a run: of its training, its tests, and each attack."""
    found = collections.OrderedDict()
    for key, value in sorted(run.train.get('args', {}).items()):
        found['train.py --' + key] = str(value)
    for key in ('git_revision', 'machine'):
        if run.train.get(key):
            found[key] = str(run.train[key])
    for attack, test in run.test.items():
        for key, value in sorted(test.get('attacks', {}).get(attack, {}).items()):
            found['%s %s' % (attack, key)] = str(value)
        for key in ('num_examples', 'split'):
            if key in test['args']:
                found['%s --%s' % (attack, key)] = str(test['args'][key])
    return {key: value for key, value in found.items() if key.split('--')[-1] not in LEFT_OUT}


def compare(runs):
    """{'names': of the runs, the first of each name; 'differing': [(setting, [text])]; 'shared':
    [(setting, text)]}.
    """
    chosen = first_runs(runs)
    found = [settings_of(run) for run in chosen]
    keys = list(collections.OrderedDict.fromkeys(key for one in found for key in one))
    shared = [key for key in keys if len({one.get(key) for one in found}) == 1]
    return {'names': [defense_name(run.name) for run in chosen],
            'shared': [(key, found[0][key]) for key in shared],
            'differing': [(key, [one.get(key, '') for one in found]) for key in keys
                          if key not in shared]}
