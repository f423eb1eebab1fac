"""Choosing what the paper leaves open, on the validation images alone: reads the runs' args.json and metrics.jsonl."""
import collections
import os

from utils.errors import UserError
from utils.files import read_json, read_json_lines

TOLERANCE = 0.002   # of validation error: two images in a thousand

Candidate = collections.namedtuple('Candidate', 'dataset model defense name lr lr_decay epochs val_err rho')


def collect_candidates(root):
    """A Candidate for every finished run below `root` whose last row has a validation error and DeepFool's rho."""
    candidates = []
    for folder, _, files in sorted(os.walk(root)):
        if 'args.json' in files and 'metrics.jsonl' in files and 'summary.json' not in files:   # not the copy beside a test
            path = os.path.join(folder, 'args.json')
            rows = read_json_lines(os.path.join(folder, 'metrics.jsonl'))
            try:
                args = read_json(path)['args']
                settings = [str(args[key]) for key in ('dataset', 'model', 'defense', 'name')] + [float(args['lr']), str(args['lr_decay'])]
                if len(rows) == args['pretrain_niter'] + args['niter']:
                    figures = rows[-1]['epoch'], float(rows[-1]['val_err']), float(rows[-1]['rho_deepfool'])
                    candidates.append(Candidate(*(tuple(settings) + figures)))
            except (KeyError, TypeError, ValueError):
                raise UserError('%s: lacks an entry of args.json or metrics.jsonl that the choice is made by' % folder)
    return candidates


def choose(candidates):
    """{(dataset, model, defense): name}: of the candidates within TOLERANCE of the lowest validation error, the largest rho."""
    groups = collections.OrderedDict()
    for candidate in candidates:
        groups.setdefault(candidate[:3], []).append(candidate)
    chosen = {}
    for key, group in groups.items():
        best = min(candidate.val_err for candidate in group)
        close = [candidate for candidate in group if candidate.val_err <= best + TOLERANCE]
        chosen[key] = max(close, key=lambda candidate: candidate.rho).name
    return chosen


def tuning_markdown(candidates, chosen):
    """The candidates as a Markdown table, the chosen one of each model and defense in bold."""
    lines = ['| Model | Defense | lr | lr_decay | Epochs | Validation error, % | DeepFool rho (validation) |', '|---|---|---|---|---|---|---|']
    for c in sorted(candidates, key=lambda c: (c.model != 'mlp', c.model, c.defense, c.lr, c.lr_decay)):
        row = [c.model, c.defense, '%g' % c.lr, c.lr_decay, str(c.epochs), '%.2f' % (100 * c.val_err), '%.3f' % c.rho]
        if chosen[c[:3]] == c.name:
            row = ['**%s**' % text for text in row]
        lines.append('| %s |' % ' | '.join(row))
    return '\n'.join(lines) + '\n'
