"""The tables of `report.py --table=transfer` and `--table=split`; no TensorFlow."""
import collections
import os

from utils.errors import check
from utils.files import atomic_write

import numpy as np

from datasets.npz import read_arrays
from experiments.intriguing_tables import (
    PUBLISHED_IMAGES,
    paper_network,
    published_cell,
    published_noise,
)
from experiments.names import attack_name
from properties.networks import joint_labels, read_analysis
from properties.statistics import subsamples, wilson
from reporting.surpassed import CRITIC, DRAWS, ratio_text

Matrix = collections.namedtuple('Matrix', 'sources targets rows errors wrong made_for given_to')
Matrix.__doc__ = """What analyze.py transfer found: the labels of the networks that images were made
for and given to; its rows; errors [rows, targets, n] and wrong [targets, n], bool; the flags of
the networks' trainings."""
NOTE = ('Error in %% of the column on the images made for the row, in brackets 95 %% (Wilson), all '
        '%d images; on the diagonal it is the success of the attack. l2: mean length, after '
        'clipping to [0, 1]. Of samples of %d images, as many as the paper of 2014 seems to have, '
        '95 %% lie within %.1f points of these figures.')


def read_matrix(results_dir):
    """The Matrix below results_dir; raises UserError where a file is missing or damaged."""
    path = os.path.join(results_dir, 'transfer.json')
    contents = read_analysis(path, 'transfer', 'targets')
    sources = read_analysis(path, 'transfer', 'sources')['sources']
    arrays = read_arrays(os.path.join(results_dir, 'transfer.npz'), ('errors', 'wrong', 'images'))
    n = int(arrays['images'])
    errors, wrong = (np.unpackbits(arrays[name], axis=-1)[..., :n].astype(bool)
                     for name in ('errors', 'wrong'))
    rows = contents.get('rows')
    check(isinstance(rows, list) and errors.shape == (len(rows), len(contents['targets']), n) and
          all({'source', 'attack', 'stddev', 'kind', 'l2'} <= set(row) for row in rows),
          '%s: rows are not those of transfer.npz', path)
    lists = [[each['train'] for each in networks] for networks in (sources, contents['targets'])]
    names = joint_labels(*lists)
    return Matrix(names[0], names[1], rows, errors, wrong,
                  *([record['args'] for record in records] for records in lists))


def find(matrix, kind, attack, stddev):
    """{number of the source: number of the row} of these images."""
    return {row['source']: place for place, row in enumerate(matrix.rows)
            if (row['kind'], row['attack'], row['stddev']) == (kind, attack, stddev)}


def attacks_of(matrix):
    """The attacks, in order."""
    return list(collections.OrderedDict.fromkeys(
        row['attack'] for row in matrix.rows if row['attack']))


def levels_of(matrix):
    """The levels of amplification, None, as they are, first."""
    return [None] + sorted({row['stddev'] for row in matrix.rows} - {None})


def share_text(errors, reference=None):
    """A share of errors [n] in % with its interval and the difference to a published one."""
    low, high = wilson(int(errors.sum()), len(errors))
    text = '%.1f [%.1f, %.1f]' % (100 * errors.mean(), 100 * low, 100 * high)
    if reference is not None:
        text += ' (%.3g, %+.1f)' % (reference, 100 * errors.mean() - reference)
    return text


def matrix_lines(matrix, attack, stddev, columns, published):
    """The lines of one table, of these columns."""
    level = 'as they are' if stddev is None else 'amplified to a root mean square of %g' % stddev
    lines = ['**%s, %s**' % (attack_name(attack), level), '', '| Made for | l2 | %s |' %
             ' | '.join(matrix.targets[j] for j in columns), '|---' * (len(columns) + 2) + '|']
    rows = find(matrix, 'adversarial', attack, stddev)
    for source, i in sorted(rows.items()):
        name = matrix.sources[source]
        cells = [share_text(matrix.errors[i, j], published_cell(
            paper_network(matrix.made_for[source]), paper_network(matrix.given_to[j]), stddev)
                            if published and attack.startswith('lbfgs') else None) for j in columns]
        lines.append('| %s | %.2f | %s |' % (name, matrix.rows[i]['l2'], ' | '.join(cells)))
    noise = find(matrix, 'gaussian', '' if stddev else attack, stddev)
    for source, i in sorted(noise.items(), key=lambda item: -1 if item[0] is None else item[0]):
        name = 'Gaussian' if source is None else 'Gaussian, as long as %s' % matrix.sources[source]
        cells = [share_text(matrix.errors[i, j], published_noise(
            paper_network(matrix.given_to[j]), stddev) if published else None) for j in columns]
        lines.append('| %s | %.2f | %s |' % (name, matrix.rows[i]['l2'], ' | '.join(cells)))
    lines.append('| originals | 0 | %s |' % ' | '.join(
        share_text(matrix.wrong[j]) for j in columns))
    return lines + ['']


def per_image(matrix, rows, source=None, target=None, without=()):
    """How often each image that every network has right, [m], fools: those made for `source` the
    others, or those made for the others `target`; the networks in `without` are left out.
    """
    right = ~matrix.wrong.any(axis=0)
    sources = [source] if source is not None else [s for s in rows if matrix.sources[s] not in
                                                   without]
    targets = [target] if target is not None else [
        t for t, name in enumerate(matrix.targets) if name not in without]
    pairs = [(s, t) for s in sources for t in targets if matrix.sources[s] != matrix.targets[t]]
    if not pairs:
        return np.zeros(0)
    return np.mean([matrix.errors[rows[s], t][right] for s, t in pairs], axis=0)


def summary_lines(matrix, stddev):
    """How much transfers from each network and to it, and the critic's over each other's."""
    attacks = attacks_of(matrix)
    level = 'as they are' if stddev is None else 'at a root mean square of %g' % stddev
    right = int((~matrix.wrong.any(axis=0)).sum())
    header = ['| Network | %s |' % ' | '.join(attack_name(attack) for attack in attacks),
              '|---' * (len(attacks) + 1) + '|']
    lines = ['**Transfer %s: mean error in %% of the others on its images / of it on theirs, the '
             '%d images that every network has right**' % (level, right), ''] + header
    found = {attack: find(matrix, 'adversarial', attack, stddev) for attack in attacks}
    for target, name in enumerate(matrix.targets):
        cells = [pair_text(matrix, found[attack], name, target) for attack in attacks]
        lines.append('| %s | %s |' % (name, ' | '.join(cells)))
    lines.append('')
    for place, args in enumerate(matrix.given_to):
        if args['defense'] == CRITIC:
            lines += critic_lines(matrix, found, place, level, header)
    return lines


def pair_text(matrix, rows, name, target):
    """Mean errors in %, as source and as target."""
    values = [per_image(matrix, rows, source=s) for s in rows if matrix.sources[s] == name][:1]
    values = (values or [np.zeros(0)]) + [per_image(matrix, rows, target=target)]
    return ' / '.join('%.1f' % (100 * each.mean()) if len(each) else '-' for each in values)


def critic_lines(matrix, found, critic, level, header):
    """The critic's transfer over that of each other network, given to and made for the same third
    ones, with intervals.
    """
    name = matrix.targets[critic]
    lines = ['**%s over the others %s: as source / as target, given to and made for the same third '
             'networks; in brackets 95 %% of %d bootstrap samples of the images**' %
             (name, level, DRAWS), ''] + [header[0].replace('| Network', '| Over'), header[1]]
    for other, label in enumerate(matrix.targets):
        if other == critic:
            continue
        cells = []
        for rows in found.values():
            place = {matrix.sources[s]: s for s in rows}
            pair = (name, label)
            texts = ['-', '-']
            if set(pair) <= set(place):
                texts[0] = ratio_text(*(per_image(matrix, rows, source=place[each], without=pair)
                                        for each in pair))
            texts[1] = ratio_text(*(per_image(matrix, rows, target=each, without=pair)
                                    for each in (critic, other)))
            cells.append(' / '.join(texts))
        lines.append('| %s | %s |' % (label, ' | '.join(cells)))
    return lines + ['']


def note(matrix):
    """What is to be known beside the tables."""
    low, high = subsamples(matrix.errors, PUBLISHED_IMAGES)
    share = matrix.errors.mean(axis=2)
    widest = 100 * max((high - share).max(), (share - low).max())
    return NOTE % (matrix.errors.shape[2], PUBLISHED_IMAGES, widest)


def write_transfer(results_dir, folder, published=False):
    """Writes transfer.md into `folder`; returns the text."""
    matrix = read_matrix(results_dir)
    lines = []
    for stddev in reversed(levels_of(matrix)):
        lines += summary_lines(matrix, stddev)
    for stddev in reversed(levels_of(matrix)):
        for attack in attacks_of(matrix):
            lines += matrix_lines(matrix, attack, stddev, range(len(matrix.targets)), published)
    return written(folder, 'transfer.md', lines + [note(matrix), ''])


def write_split(results_dir, folder, published=False):
    """Writes split.md, of the networks that were trained on a half of the images, into `folder`;
    returns the text. Raises UserError where there are none.
    """
    matrix = read_matrix(results_dir)
    columns = [j for j, args in enumerate(matrix.given_to) if args.get('split')]
    check(columns, '%s: no network in it was trained with --split=p1 or p2', os.path.join(
        results_dir, 'transfer.json'))
    kept = {s for s, name in enumerate(matrix.sources)
            if name in [matrix.targets[j] for j in columns]}
    matrix = restricted(matrix, kept)
    lines = []
    for attack in attacks_of(matrix):
        for stddev in levels_of(matrix):
            lines += matrix_lines(matrix, attack, stddev, columns, published)
        for stddev in levels_of(matrix)[1:]:
            ratios = [amplified(matrix, attack, stddev, s, j) for s in sorted(kept)
                      for j in columns if matrix.sources[s] != matrix.targets[j]]
            if ratios:
                lines += ['%s: amplified to %g, errors off the diagonal are %.1f to %.1f times '
                          'those of the images as they are.' %
                          (attack_name(attack), stddev, min(ratios), max(ratios)), '']
    return written(folder, 'split.md', lines + [note(matrix), ''])


def restricted(matrix, kept):
    """A Matrix with the rows of these sources, and of none."""
    places = [i for i, row in enumerate(matrix.rows) if row['source'] in kept or
              row['source'] is None]
    return matrix._replace(rows=[matrix.rows[i] for i in places], errors=matrix.errors[places])


def amplified(matrix, attack, stddev, source, target):
    """How many times the errors of amplified images are those of the images as they are."""
    shares = [matrix.errors[find(matrix, 'adversarial', attack, level)[source], target].mean()
              for level in (stddev, None)]
    return shares[0] / shares[1] if shares[1] else np.inf


def written(folder, name, lines):
    """Writes the lines into a file; returns the text."""
    text = '\n'.join(lines)
    with atomic_write(os.path.join(folder, name)) as stream:
        stream.write(text)
    return text
