"""Choosing what the paper leaves open, on the validation images alone: reads the runs' args.json
and metrics.jsonl.
"""
import collections
import os

from utils.errors import UserError
from utils.files import read_json, read_json_lines, run_files

import numpy as np

TOLERANCE = 0.002   # of validation error: two images in a thousand

Candidate = collections.namedtuple('Candidate',
                                   'dataset model defense name lr lr_decay epochs val_err rho')


def collect_candidates(root):
    """A Candidate for every finished run, <root>/runs_<model>/<run>, whose last row has a
    validation error and DeepFool's rho.
    """
    candidates = []
    for path in run_files(root, 'args.json'):
        folder = os.path.dirname(path)
        if not os.path.exists(os.path.join(folder, 'summary.json')):   # not the copy beside a test
            rows = read_json_lines(os.path.join(folder, 'metrics.jsonl'))
            try:
                args = read_json(path)['args']
                settings = [str(args[key]) for key in ('dataset', 'model', 'defense', 'name')
                            ] + [float(args['lr']), str(args['lr_decay'])]
                if len(rows) == args['pretrain_niter'] + args['niter']:
                    figures = rows[-1]['epoch'], float(rows[-1]['val_err']), float(
                        rows[-1]['rho_deepfool'])
                    candidates.append(Candidate(*(tuple(settings) + figures)))
            except (KeyError, TypeError, ValueError):
                raise UserError(
                    '%s: lacks an entry of args.json or metrics.jsonl that the choice is made by' %
                    folder)
    return candidates


def choose(candidates):
    """{(dataset, model, defense): name}: of the names within TOLERANCE of the lowest validation
    error, the one with the largest rho.

    Both are means over the runs of a name, its seeds.
    """
    groups = collections.OrderedDict()
    for candidate in candidates:
        groups.setdefault(candidate[:3], collections.OrderedDict()).setdefault(candidate.name,
                                                                               []).append(candidate)
    chosen = {}
    for key, group in groups.items():
        val_err = {name: np.mean([run.val_err for run in runs]) for name, runs in group.items()}
        rho = {name: np.mean([run.rho for run in runs]) for name, runs in group.items()}
        best = min(val_err.values())
        chosen[key] = max((name for name in group if val_err[name] <= best + TOLERANCE),
                          key=rho.get)
    return chosen


def tuning_markdown(candidates, chosen):
    """The candidates as a Markdown table, the chosen one of each model and defense in bold."""
    lines = [
        '| Model | Defense | lr | lr_decay | Epochs | Validation error, % | DeepFool rho '
        '(validation) |',
        '|---|---|---|---|---|---|---|'
    ]
    for c in sorted(candidates, key=lambda c:
                    (c.model != 'mlp', c.model, c.defense, c.lr, c.lr_decay)):
        row = [
            c.model, c.defense,
            '%g' % c.lr, c.lr_decay,
            str(c.epochs),
            '%.2f' % (100 * c.val_err),
            '%.3f' % c.rho
        ]
        if chosen[c[:3]] == c.name:
            row = ['**%s**' % text for text in row]
        lines.append('| %s |' % ' | '.join(row))
    return '\n'.join(lines) + '\n'
