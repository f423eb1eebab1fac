"""The tables of `report.py --table=nag`: generators of universal perturbations on their own
classifiers, with perturbations beside them that cost little, and on others.
"""
import collections
import os

from utils.errors import UserError, check
from utils.files import atomic_write, read_json, run_files

import numpy as np

from experiments.nag import NITER, PUBLISHED_LAMBDAS, PUBLISHED_SIZES, SPREAD, TRAIN_SIZE

HEADER = ('Classifier', 'Norm', 'Perturbations', 'Runs', 'Fooled, %', 'Best, %', 'Error, %',
          'Labels', 'Entropy', 'Cosine', 'Overlap', 'Interpolated, %')
BASELINE_NAMES = {
    'random_sign': 'random signs', 'brighter': 'every pixel up', 'mean_fgsm': 'mean of FGSM signs',
    'mean_gradient': 'mean gradient', 'class_mean_fgsm': 'mean of FGSM signs, a class',
    'uap': 'UAP'}
NOTE = (
    'Fooled: the share of all test images whose class changes, mean ± standard deviation over the '
    'perturbations, of several runs the mean of both; Best: of the best perturbation. Error: the '
    'share of images that are misclassified then. Labels: the least number that covers 95 % of '
    'what perturbed images are taken for; Entropy: of these labels, in nats, ln 10 = 2.30 at most. '
    'Cosine, Overlap: between two perturbations, of their pixels and of the sets of images that '
    'they fool. Interpolated: the range over ten points of the way between two z.')

Found = collections.namedtuple('Found', 'classifier made_for seed white_box settings images record')
Found.__doc__ = """What a universal.json holds: the names of the attacked classifier and of those
that the generator is made for; its seed; whether these are the same; its settings, as text;
how many images; the contents."""


def collect(results_dir):
    """Every Found below results_dir; raises UserError for a damaged file."""
    found = []
    for path in run_files(results_dir, 'universal.json'):
        record = read_json(path)
        try:
            args = record['train']['args']
            settings = '%s %g' % (args['universal_ord'], args['xi']), describe(args)
            one = Found(record['classifier']['args']['name'], args['classifiers'], args['seed'],
                        bool(record['white_box']), settings, int(record['images']), record)
            cells_of([record['generator']])
            for summary in record['baselines'].values():
                cells_of([summary])
        except (KeyError, TypeError, ValueError):
            raise UserError('%s: lacks what test.py --universal writes' % path)
        found.append(one)
    return sorted(found, key=lambda one: (one.settings[0], one.classifier, one.made_for,
                                          one.settings[1], one.seed))


def describe(args):
    """A generator's settings in words: the loss, lambda, and what is not usual."""
    words = ['NAG', args['nag_loss'], 'λ %g' % args['lmbd']]
    if args['nag_feature'] != 'softmax':
        words.append(args['nag_feature'])
    if args['universal_ord'] == 'linf' and args.get('spread', 0.) != SPREAD:
        words.append('spread %g' % args.get('spread', 0.))
    if args['train_size'] != TRAIN_SIZE:
        words.append('%d images' % args['train_size'])
    usual = NITER * TRAIN_SIZE // args['train_size']
    if args['niter'] != usual:
        words.append('%d epochs' % args['niter'])
    return ', '.join(words)


def percent(value):
    """A share as text."""
    return '%.1f' % (100. * value)


def fooled_text(summaries):
    """mean ± standard deviation over the perturbations, averaged over runs."""
    mean, sd = (np.mean([one['fooling_' + key] for one in summaries]) for key in ('mean', 'sd'))
    several = max(one['deltas'] for one in summaries) > 1
    return percent(mean) + (' ± ' + percent(sd)) * several


def cells_of(summaries):
    """The texts of HEADER from `Runs` on."""
    def mean(key):
        return np.mean([one[key] for one in summaries])

    several = max(one['deltas'] for one in summaries) > 1
    ways = [rate for one in summaries for rate in one.get('interpolation', ())]
    return [str(len(summaries)), fooled_text(summaries),
            percent(max(one['fooling_best'] for one in summaries)), percent(mean('error')),
            '%.3g' % mean('labels'), '%.2f' % mean('entropy'),
            '%.2f' % mean('cosine') if several else '', '%.2f' % mean('overlap') if several else '',
            '%s to %s' % (percent(min(ways)), percent(max(ways))) if ways else '']


def grouped(found, key):
    """{key(one): [one]} in order."""
    groups = collections.OrderedDict()
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return groups


def lines(rows):
    """Rows of texts as Markdown, the header first."""
    texts = ['| %s |' % ' | '.join(row) for row in rows]
    return '\n'.join(texts[:1] + ['|' + '---|' * len(rows[0])] + texts[1:]) + '\n'


def own_rows(found):
    """The table of generators on their own classifiers; the baselines are said once."""
    rows = [list(HEADER)]
    white = [one for one in found if one.white_box]
    for (norm, classifier), group in grouped(white, lambda o: (o.settings[0],
                                                               o.classifier)).items():
        for name, runs in grouped(group, lambda o: o.settings[1]).items():
            rows.append([classifier, norm, name] + cells_of([o.record['generator'] for o in runs]))
        baselines = collections.OrderedDict()
        for one in group:
            baselines.update(one.record['baselines'])
        for name, summary in baselines.items():
            rows.append([classifier, norm, BASELINE_NAMES.get(name, name)] + cells_of([summary]))
    return rows


def transfer(found):
    """{(norm, generator): rows} of matrices: made for (row), attacked (column); in bold where both
    are the same. Only where a generator was tried on another classifier.
    """
    tables = collections.OrderedDict()
    for settings, group in grouped(found, lambda one: one.settings).items():
        attacked = sorted({one.classifier for one in group})
        if all(one.white_box for one in group):
            continue
        rows = [['Made for'] + attacked]
        for made_for, own in grouped(group, lambda one: one.made_for).items():
            cells = {}
            for classifier, runs in grouped(own, lambda one: one.classifier).items():
                text = fooled_text([one.record['generator'] for one in runs])
                text += ' (%s)' % percent(max(one.record['generator']['fooling_best']
                                              for one in runs))
                cells[classifier] = '**%s**' % text if runs[0].white_box else text
            rows.append([made_for] + [cells.get(name, '') for name in attacked])
        tables[settings] = rows
    return tables


def published_text():
    """What the paper found on ImageNet, where a trend can be compared."""
    sizes = ', '.join('%d: %g %%' % pair for pair in sorted(PUBLISHED_SIZES.items()))
    lambdas = ', '.join('λ %g: %g %%, %d labels' % ((lmbd,) + pair)
                        for lmbd, pair in sorted(PUBLISHED_LAMBDAS.items()))
    return ('Published, ImageNet, ξ = 10/255, 1,000 classes, other networks: fooling rate by '
            'training images (ResNet-152) %s; by λ (ResNet-50) %s.\n' % (sizes, lambdas))


def write_universal(results_dir, folder, published=False):
    """Writes nag.md into `folder`; returns its text. Raises UserError where there is nothing."""
    found = collect(results_dir)
    check(found, '--results_dir is %s; expected what test.py --universal wrote below it, '
          '<folder>/<generator>@<classifier>/universal.json', results_dir)
    parts = [lines(own_rows(found)), NOTE + '\n']
    for (norm, name), rows in transfer(found).items():
        parts.append('Transfer, %s, %s: fooled, %% (best), by the classifier that the '
                     'perturbations are made for (row) and the one that is attacked (column).\n'
                     % (norm, name))
        parts.append(lines(rows))
    images = sorted({one.images for one in found})
    parts.append('Images: %s.\n' % ', '.join(map(str, images)))
    if published:
        parts.append(published_text())
    text = '\n'.join(parts)
    with atomic_write(os.path.join(folder, 'nag.md')) as stream:
        stream.write(text)
    return text
