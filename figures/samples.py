"""The images of a test that a report shows: samples/images.npz in the folder of its results.

The file holds `rows` [m], their places in results.tsv; `x` [m, h, w, c], the originals; and for
each attack, under its name, what it made of them.
"""
import os
import zipfile

from utils.errors import UserError
from utils.files import atomic_write

import numpy as np

SAMPLES = os.path.join('samples', 'images.npz')
EXTREME = 20   # images at either end


def adversarial_file(attack):
    """The name of the file with all adversarial images of an attack: x, x_adv, y."""
    return 'adv_%s.npz' % attack


def extreme_rows(rho, fooled):
    """The rows with the smallest and those with the largest rho of the images that were fooled:
    two arrays of at most EXTREME, the extreme first.

    rho [n]; fooled [n] bool: classified correctly at first, and the attack succeeded.
    """
    order = np.argsort(np.where(fooled, rho, np.inf), kind='stable')[:np.sum(fooled)]
    return order[:EXTREME], order[::-1][:EXTREME]


def sample_rows(table, attacks, few):
    """The rows of a table of results that are kept: `few`, and each attack's easiest and hardest.
    """
    kept = [few]
    for attack in attacks:
        fooled = (table[attack + '_success'] == 1) & (table['pred'] == table['label'])
        kept.extend(extreme_rows(table[attack + '_rho'], fooled))
    return np.unique(np.concatenate(kept))


def write_samples(folder, rows, x, images):
    """Keeps these rows of x [n, h, w, c] and of {attack: x_adv [n, h, w, c]}."""
    with atomic_write(os.path.join(folder, SAMPLES), 'wb') as stream:
        np.savez_compressed(stream, rows=rows, x=x[rows],
                            **{attack: x_adv[rows] for attack, x_adv in images.items()})


def read_samples(folder, attack, every=False):
    """(rows [m], x, x_adv) of what a test kept of an attack for a report, or with `every` of all
    that it kept; None where it kept no images.

    Raises UserError naming a damaged file.
    """
    files = [(SAMPLES, ('x', attack)), (adversarial_file(attack), ('x', 'x_adv'))]
    for name, keys in reversed(files) if every else files:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            try:
                with np.load(path, allow_pickle=False) as arrays:
                    x, x_adv = (arrays[key] for key in keys)
                    rows = arrays['rows'] if 'rows' in arrays else np.arange(len(x))
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                raise UserError('%s: not the images of a test: %s' % (path, error))
            return rows, x, x_adv
    return None
