"""The table of `report.py --table=checks`: whether the gradient of a network is masked."""
import os

from utils.errors import UserError, check
from utils.files import atomic_write, read_json, run_files

from experiments.names import defense_name, title
from reporting.runs import KEY_TYPES, Run, place_of

# Check -> its column, and the text of a cell; `count` is of images that speak against the network.
COLUMNS = {
    'gradients': ('No gradient', '{count}; cross-entropy {zero_entropy}'),
    'linearity': ('Fall as predicted', '{median:.3f}, 5 %: {percentile_5:.2f}'),
    'convergence': ('Twice the steps', '{percent:+.2f} %'),
    'random': ('Random, 1, 2, 4 times', '{fooled[1]}, {fooled[2]}, {fooled[4]}'),
    'curve': ('Never fooled', '{count}'),
    'single_step': ('FGSM closer', '{count}'),
    'square': ('Square closer', '{count}'),
    'transfer': ('Transfer closer', '{count}'),
}
NOTE = (
    'Counts are of images. No gradient: the margin has none; the cross-entropy, which no attack '
    'here but FGSM and DDN follows, has none where the confidence rounds to 1. Fall as predicted: '
    'of the margin, measured over what its gradient says at 1 % of the found length, median and '
    '5th percentile. Twice the steps: how rho changes. Random: fooled by one of 1000 directions of '
    'so many times the found length. Never fooled: boundary found nothing, so robust accuracy does '
    'not reach 0. Closer: fooled below 0.99 of the found length (FGSM: of any norm below it) by an '
    'attack that should be weaker. A cell with (!) fails.')


def collect_checks(results_dir):
    """[(Run without tables, contents of checks.json)] below results_dir, in the order of Table 1;
    raises UserError for a damaged file.
    """
    found = []
    for path in run_files(results_dir, 'checks.json'):
        record = read_json(path)
        try:
            args = record['train']['args']
            key = [KEY_TYPES[name](args[name]) for name in KEY_TYPES]
            key.append(str(record['test']['args']['split']))
            for name, fact in record['checks'].items():
                cell(name, fact)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise UserError('%s: lacks train.args with %s, test.args.split or a check as test.py '
                            'writes it' % (path, ', '.join(KEY_TYPES)))
        run = Run(*key, tables={}, folders={}, train=record['train'], test={}, error=None)
        found.append((run, record))
    return sorted(found, key=lambda pair: place_of(pair[0]))


def cell(name, fact):
    """What a check found as a text."""
    if name == 'linearity' and fact['median'] is None:
        text = '-'
    else:
        text = COLUMNS[name][1].format(percent=100 * fact.get('change', 0.), **{
            key: {int(length): count for length, count in value.items()} if key == 'fooled'
            else value for key, value in fact.items()})
    return text + ' (!)' * (not fact['passed'])


def failures(found):
    """A line for each check that fails, with the network and the count."""
    return ['%s, %s, seed %d: %s: %s of %d images' % (
        run.model, defense_name(run.name), run.seed, COLUMNS[name][0].lower(), cell(name, fact),
        fact['images'])
            for run, record in found for name in COLUMNS for fact in [record['checks'].get(name)]
            if fact and not fact['passed']]


def write_checks(results_dir, folder, unused_published=False):
    """Writes checks.md into `folder`; returns the text. Raises UserError where there are none."""
    found = collect_checks(results_dir)
    check(found, '--results_dir is %s; expected checks of runs in it, <test_...>/<run>/checks.json',
          results_dir)
    header = ['Model', 'Defense', 'Images'] + [title for title, _ in COLUMNS.values()]
    lines = ['| %s |' % ' | '.join(header), '|---' * len(header) + '|']
    for run, record in found:
        cells = [cell(name, record['checks'][name]) if name in record['checks'] else ''
                 for name in COLUMNS]
        start = [title(run.model, run.dataset, run.split),
                 '%s, seed %d' % (defense_name(run.name), run.seed), '%d' % record['num_examples']]
        lines.append('| %s |' % ' | '.join(start + cells))
    failed = failures(found)
    lines += ['', NOTE, ''] + ['* ' + line for line in failed or ['Every check passes.']] + ['']
    text = '\n'.join(lines)
    with atomic_write(os.path.join(folder, 'checks.md')) as stream:
        stream.write(text)
    return text
