"""Results as test.py records them, small and made by hand."""
import json
import os

import numpy as np

from evaluation.results import summarise, write_tsv


def table(**attacks):
    """Four images: 0 is wrong to begin with; the attacks' rho and success are given."""
    result = {
        'index': np.arange(4), 'label': np.array([1, 2, 3, 4]), 'pred': np.array([0, 2, 3, 4]),
        'conf': np.full(4, 0.9)
    }
    for name, (rho, success) in attacks.items():
        values = {
            'pred': np.zeros(4, int), 'conf': np.full(4, 0.5), 'l2': np.array(rho) * 10,
            'rho': np.array(rho, float), 'success': np.array(success),
            'iterations': np.array([0, 3, 4, 5])
        }
        result.update({'%s_%s' % (name, column): value for column, value in values.items()})
    return result


A = ([0., 0.1, 0.2, 0.3], [1, 1, 1, 1])
B = ([0., 0.2, 0.05, 0.9], [1, 1, 1, 0])


def write_run(root, folder, seed, contents, defense='critic', model='mlp', split='test', test=(),
              **settings):
    path = os.path.join(str(root), folder, '%s_s%d' % (defense, seed))
    os.makedirs(path)
    write_tsv(os.path.join(path, 'results.tsv'), contents)
    args = {
        'dataset': 'mnist', 'model': model, 'name': defense, 'defense': defense, 'seed': seed,
        **settings
    }
    with open(os.path.join(path, 'summary.json'), 'w') as stream:
        json.dump(
            {
                'train': {'args': args}, 'test': {'args': dict(test, split=split)},
                'split_error': summarise(contents)['error']
            }, stream)
