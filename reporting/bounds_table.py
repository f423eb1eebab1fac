"""The tables and the figure of `report.py --table=bounds`."""
import collections
import os

from utils.errors import check
from utils.files import atomic_write

import numpy as np

from experiments.cross_lipschitz import PUBLISHED
from figures.bounds import plot_bounds
from reporting.bounds import RADII, best, check_bounds, collect_bounds, smallest
from reporting.surpassed import DRAWS, ratio_text

LONE = 'eval_robustness'   # of all images, from the predicted class: a column of its own
UNDEFENDED = 'none'   # what the other rows of a model are compared with
NOTE = (
    'Radii are means over the certified images that are classified correctly, in l2; Best is the '
    'largest of an image\'s certificates, Attacked the smallest perturbation that any attack '
    'found. LB/UB is Best over Attacked, image by image, with its quartiles. Accuracies are of all '
    'certified images: the share that is right and certified at the radius, and the share that is '
    'right and that no attack fooled within it. No certificate is above an attack.')


def write_bounds(results_dir, folder, published=False):
    """Writes bounds.md, bounds.csv and bounds_<model>.png into `folder`; returns the text, with the
    `published` ranges of the same network and dataset where it is so asked.

    Raises UserError where there is nothing to tabulate, RunError where a certificate is above an
    attack.
    """
    every = collect_bounds(results_dir)
    check(every, '--results_dir is %s; expected the certificates of tests in it, '
          '<test_...>/<run>/certificates.json', results_dir)
    check_bounds(every)
    groups = collections.OrderedDict()
    for bounds in every:
        groups.setdefault((bounds.model, bounds.dataset, bounds.split), []).append(bounds)
    parts = []
    for key, group in groups.items():
        parts.append(section(key, group))
        if published and key[2] == 'test' and key[:2] in PUBLISHED:
            parts.append(published_section(*key[:2]))
        panels = {label(bounds, group): curves_of(bounds) for bounds in group}
        plot_bounds(panels, os.path.join(folder, 'bounds_%s.png' % '_'.join(key).replace(
            os.sep, '_').replace(' ', '_')))
    text = '\n'.join(parts + [NOTE, ''])
    for name, contents in (('bounds.md', text), ('bounds.csv', csv_of(every))):
        with atomic_write(os.path.join(folder, name)) as stream:
            stream.write(contents)
    return text


def label(bounds, group):
    """The name of a row: that of the run, with its seed where there are several."""
    several = len({other.seed for other in group}) > 1
    return bounds.name + '_s%d' % bounds.seed * several


def right_rows(bounds):
    """[n] bool: the images that are classified correctly."""
    return bounds.pred == bounds.label


def ratios(bounds):
    """Best over Attacked of the images that are right and that an attack succeeded on."""
    upper = smallest(bounds)
    rows = right_rows(bounds) & np.isfinite(upper)
    return best(bounds)[rows] / upper[rows]


def curves_of(bounds):
    """(certified radii, attacked radii) for accuracies: 0 where the image is misclassified; only
    of images that were attacked, where any was.
    """
    upper = smallest(bounds)
    tried = ~np.isnan(upper)
    rows = tried if tried.any() else np.full(len(upper), True)
    right = right_rows(bounds)[rows]
    attacked = np.where(right, upper[rows], 0.) if tried.any() else None
    return np.where(right, best(bounds)[rows], 0.), attacked


def section(key, group):
    """The tables of one model as Markdown."""
    names = [name for name in collections.OrderedDict.fromkeys(
        name for bounds in group for name in bounds.radius)]
    model, dataset, split = key
    lines = ['**%s, %s%s: certified and attacked radii**' % (model, dataset, ', ' + split), '']
    header = ['Defense', 'Images', 'Test error, %'] + names + ['Best', 'Attacked', 'LB/UB',
                                                               'Quartiles'] + lone_columns(group)
    lines += rows_of(header, [bounds_row(bounds, names, group) +
                              [mean_of_all(bounds) for _ in lone_columns(group)]
                              for bounds in group])
    lines += ['**certified / attacked accuracy, %**', '']
    header = ['Defense'] + ['l2 %g' % radius for radius in RADII]
    lines += rows_of(header, [accuracy_row(bounds, group) for bounds in group])
    first = [bounds for bounds in group if bounds.name == UNDEFENDED]
    others = [bounds for bounds in group if bounds.name != UNDEFENDED]
    if first and others:
        lines += ['**times %s, the images that both have right; in brackets 95 %% of %d bootstrap '
                  'samples of the images**' % (UNDEFENDED, DRAWS), '']
        rows = [ratio_row(bounds, partner_of(bounds, first), names, group) for bounds in others]
        lines += rows_of(['Defense'] + names + ['Best', 'Attacked'], rows)
    return '\n'.join(lines)


def lone_columns(group):
    """[LONE] where a run of the group was attacked so."""
    return [LONE] * any(LONE in bounds.upper for bounds in group)


def mean_of_all(bounds):
    """The mean of LONE over all images, misclassified ones included; '-' of nothing."""
    upper = bounds.upper.get(LONE, np.zeros(0))
    return mean_text(upper[np.isfinite(upper)])


def published_section(model, dataset):
    """The ranges that Hein & Andriushchenko (NIPS 2017) published, as Markdown."""
    def text(span):
        if span is None:
            return '-'
        return '%g' % span[0] if span[0] == span[1] else '%g-%g' % span

    rows = [[name] + [text(span) for span in spans]
            for name, spans in PUBLISHED[model, dataset].items()]
    header = ['Regulariser', 'Test error, %', 'Upper bound (%s)' % LONE,
              'Lower bound (one_hidden_point)']
    return '\n'.join(['**%s, %s: published, ranges over their grid, means over all test images**' %
                      (model, dataset), ''] + rows_of(header, rows))


def rows_of(header, rows):
    """A Markdown table as lines."""
    return (['| %s |' % ' | '.join(header), '|---' * len(header) + '|'] +
            ['| %s |' % ' | '.join(row) for row in rows] + [''])


def mean_text(values, digits='%.3f'):
    """The mean as text, '-' of nothing."""
    return digits % np.mean(values) if len(values) else '-'


def bounds_row(bounds, names, group):
    """A row of the first table."""
    right = right_rows(bounds)
    upper = smallest(bounds)
    share = ratios(bounds)
    quartiles = ', '.join('%.2f' % value for value in np.percentile(share, (25, 50, 75))) if len(
        share) else '-'
    cells = [mean_text(bounds.radius[name][right]) if name in bounds.radius else ''
             for name in names]
    return ([label(bounds, group), '%d' % len(right), '%.2f' % (100 * bounds.error)] + cells +
            [mean_text(best(bounds)[right]), mean_text(upper[right & np.isfinite(upper)]),
             mean_text(share, '%.2f'), quartiles])


def accuracies(bounds):
    """[(radius, certified, attacked or None)], shares of images."""
    certified, attacked = curves_of(bounds)
    return [(radius, float(np.mean(certified >= radius)),
             None if attacked is None else float(np.mean(attacked > radius))) for radius in RADII]


def accuracy_row(bounds, group):
    """A row of the second table."""
    return [label(bounds, group)] + [
        '%.1f / %s' % (100 * certified, '-' if attacked is None else '%.1f' % (100 * attacked))
        for _, certified, attacked in accuracies(bounds)]


def partner_of(bounds, first):
    """The undefended run of the same seed, else the first one."""
    return next((other for other in first if other.seed == bounds.seed), first[0])


def ratio_row(bounds, other, names, group):
    """A row of the third table."""
    _, here, there = np.intersect1d(bounds.index, other.index, return_indices=True)
    right = right_rows(bounds)[here] & right_rows(other)[there]
    cells = [(bounds.radius[name][here], other.radius[name][there])
             if name in bounds.radius and name in other.radius else None for name in names]
    cells += [(best(bounds)[here], best(other)[there]),
              (smallest(bounds)[here], smallest(other)[there])]
    return [label(bounds, group)] + [
        '' if pair is None else ratio_text(pair[0][right], pair[1][right]) for pair in cells]


def csv_of(every):
    """One line a number: model, dataset, split, name, seed, what, value."""
    lines = ['model,dataset,split,name,seed,what,value']
    for bounds in every:
        right = right_rows(bounds)
        upper = smallest(bounds)
        share = ratios(bounds)
        found = [('mean_' + name, radius[right].mean()) for name, radius in bounds.radius.items()]
        found += [('seconds_' + name, seconds.mean()) for name, seconds in bounds.seconds.items()]
        found += [('mean_best', best(bounds)[right].mean()), ('error', bounds.error)]
        found += [('violations', 0.)]
        found += [(name, float(mean_of_all(bounds))) for name in lone_columns([bounds])
                  if mean_of_all(bounds) != '-']
        if len(share):
            found += [('mean_attacked', upper[right & np.isfinite(upper)].mean()),
                      ('mean_ratio', share.mean())]
        for radius, certified, attacked in accuracies(bounds):
            found += [('certified_%g' % radius, certified)]
            found += [('attacked_%g' % radius, attacked)] * (attacked is not None)
        head = [bounds.model, bounds.dataset, bounds.split, bounds.name, '%d' % bounds.seed]
        lines += [','.join(head + [what, repr(float(value))]) for what, value in found]
    return '\n'.join(lines) + '\n'
