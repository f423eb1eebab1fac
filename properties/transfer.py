"""Adversarial images of some networks given to others, as they are and at equal length.

Szegedy et al. (2014), section 4.2 and tables 2 to 4.
"""
import collections
import os

from utils.errors import check
from utils.files import atomic_write, read_json
from utils.noise import name_seed

import numpy as np

from datasets.npz import read_arrays
from evaluation.export import without_places
from experiments.intriguing_tables import PUBLISHED_IMAGES
from figures.samples import adversarial_file
from properties.networks import joint_labels
from properties.runs import check_different, predictor
from properties.statistics import subsamples, wilson
from terminal.progress import ProgressBar

Row = collections.namedtuple('Row', 'source attack stddev kind x_adv')
Row.__doc__ = """Images given to every network: source, the number of the network that they were
made for, None for noise that is the same for all; attack; stddev that they are amplified to, None
as they are; kind: adversarial or gaussian; x_adv [n, h, w, c] in [0, 1]."""
COLUMNS = ('source', 'attack', 'stddev', 'kind', 'target', 'images', 'errors', 'error', 'low',
           'high', 'low_%d' % PUBLISHED_IMAGES, 'high_%d' % PUBLISHED_IMAGES, 'l2')


def amplify(x, x_adv, stddev):
    """x + r stddev / rms(r) with r = x_adv - x: images [n, ...] in float64, whose perturbations
    have that root mean square, not yet clipped; an image without a perturbation stays as it is.
    """
    x = np.asarray(x, np.float64)
    return x + scaled(np.asarray(x_adv, np.float64) - x, stddev)


def scaled(r, stddev):
    """r [n, ...] scaled to a root mean square of `stddev`, a number or [n]; zero stays zero."""
    rms = np.sqrt(np.mean(r.reshape(len(r), -1) ** 2, axis=1))
    factor = np.divide(stddev, rms, out=np.zeros(len(r)), where=rms > 0)
    return r * factor.reshape((-1,) + (1,) * (r.ndim - 1))


def read_test(folder, attacks=()):
    """(record, {attack: x_adv}, x, y) of a test with --save_adv, of these attacks or of all.

    Raises UserError naming what is missing or damaged.
    """
    record = read_json(os.path.join(folder, 'summary.json')).get('train')
    check(isinstance(record, dict) and isinstance(record.get('args'), dict),
          '%s: lacks train.args', os.path.join(folder, 'summary.json'))
    there = sorted(name[len('adv_'):-len('.npz')] for name in os.listdir(folder)
                   if name.startswith('adv_') and name.endswith('.npz'))
    check(there, '%s: holds no adv_<attack>.npz; test.py --save_adv writes them', folder)
    found, x, y = collections.OrderedDict(), None, None
    for attack in attacks or there:
        check(attack in there, '%s: holds no %s; there are %s', folder, adversarial_file(attack),
              ', '.join(there))
        path = os.path.join(folder, adversarial_file(attack))
        arrays = read_arrays(path, ('x', 'x_adv', 'y'))
        x, y, x_adv = (arrays[name] for name in ('x', 'y', 'x_adv'))
        check(x.ndim == 4 and x.shape == x_adv.shape and y.shape == x.shape[:1] and len(x) and
              x.dtype == x_adv.dtype == np.float32 and y.dtype.kind == 'i',
              '%s: x, x_adv and y are %s, %s and %s; expected float32 [n, h, w, c] twice and '
              'integers [n]', path, x.shape, x_adv.shape, y.shape)
        found[attack] = x_adv
    return without_places(record), found, x, y


def read_tests(folders, attacks=()):
    """([record], [{attack: x_adv}], x, y) of several tests, which must be of the same images."""
    check(folders, '--test_dir is missing; expected folders of tests with --save_adv, such as '
          'test_mlp/critic_s1')
    tests = [read_test(folder, attacks) for folder in folders]
    for folder, (_, _, x, y) in zip(folders, tests):
        check(np.array_equal(x, tests[0][2]) and np.array_equal(y, tests[0][3]), '%s and %s are of '
              'different images; expected tests of the same ones', folders[0], folder)
    check_different('--test_dir', folders, [test[0] for test in tests])
    return [test[0] for test in tests], [test[1] for test in tests], tests[0][2], tests[0][3]


def rows_of(found, x, stddevs, seed):
    """Yields the Rows of [{attack: x_adv}]: the images as they are and Gaussian noise as long as
    each one's perturbation; then, for each of `stddevs`, both at that root mean square.
    """
    noise = np.random.RandomState(name_seed(seed, 'gaussian')).randn(*x.shape)
    clean = np.float64(x)
    for source, attacks in enumerate(found):
        for attack, x_adv in attacks.items():
            r = np.float64(x_adv) - clean
            rms = np.sqrt(np.mean(r.reshape(len(r), -1) ** 2, axis=1))
            yield Row(source, attack, None, 'adversarial', x_adv)
            yield Row(source, attack, None, 'gaussian', clipped(clean + scaled(noise, rms)))
            for stddev in stddevs:
                yield Row(source, attack, stddev, 'adversarial',
                          clipped(amplify(x, x_adv, stddev)))
    for stddev in stddevs:
        yield Row(None, '', stddev, 'gaussian', clipped(clean + scaled(noise, stddev)))


def clipped(images):
    """Images in [0, 1], float32."""
    return np.float32(np.clip(images, 0, 1))


def transfer(opened, found, x, y, stddevs, seed=0):
    """(rows, errors [rows, networks, n] bool, wrong [networks, n] bool): the Rows without their
    images but with their mean l2 after clipping; which images each Opened network misclassifies, of
    each Row and of the originals.
    """
    count = sum(len(attacks) * (2 + len(stddevs)) for attacks in found) + len(stddevs)
    errors = np.zeros((count, len(opened), len(x)), bool)
    wrong = np.zeros((len(opened), len(x)), bool)
    with ProgressBar('transfer', len(opened) * count) as bar:
        for target, network in enumerate(opened):
            rows = []
            with predictor(network) as predict:
                wrong[target] = predict(x) != y
                for row in rows_of(found, x, stddevs, seed):
                    errors[len(rows), target] = predict(row.x_adv) != y
                    r = np.float64(row.x_adv) - x
                    l2 = np.sqrt(np.sum(r ** 2, axis=(1, 2, 3))).mean()
                    rows.append(dict(row._asdict(), x_adv=None, l2=float(l2)))
                    bar.add(1)
    for row in rows:
        del row['x_adv']
    return rows, errors, wrong


def write_table(path, sources, targets, rows, errors):
    """Writes one line for each Row and network: COLUMNS."""
    low, high = subsamples(errors, PUBLISHED_IMAGES)
    names, networks = joint_labels(sources, targets)
    with atomic_write(path) as stream:
        stream.write('\t'.join(COLUMNS) + '\n')
        for i, row in enumerate(rows):
            source = '' if row['source'] is None else names[row['source']]
            for j, target in enumerate(networks):
                n, k = errors.shape[2], int(errors[i, j].sum())
                values = (k / float(n),) + wilson(k, n) + (low[i, j], high[i, j], row['l2'])
                stddev = '' if row['stddev'] is None else '%g' % row['stddev']
                stream.write('\t'.join([source, row['attack'], stddev, row['kind'], target,
                                        '%d' % n, '%d' % k] + ['%.4f' % v for v in values]) + '\n')


def write_errors(path, errors, wrong):
    """Writes which images are misclassified, as transfer returns it."""
    with atomic_write(path, 'wb') as stream:
        np.savez_compressed(stream, errors=np.packbits(errors, axis=2),
                            wrong=np.packbits(wrong, axis=1), images=errors.shape[2])
