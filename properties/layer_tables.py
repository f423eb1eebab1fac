"""The tables of `report.py --table=spectral` and `--table=units`; no TensorFlow."""
import os

from utils.errors import UserError, check

import numpy as np

from experiments.intriguing_tables import TABLE5
from properties.networks import labels, read_analysis
from properties.statistics import difference, mann_whitney
from properties.transfer_tables import written

GROUPS = {'unit': 'Units', 'direction': 'Directions', 'pca': 'PCA', 'shuffled': 'Shuffled',
          'random': 'Random images'}
SPECTRAL_NOTE = (
    'Upper bounds of the spectral norms. Product: of all layers, a Lipschitz constant of the '
    'logits in l2; - where layers do not follow one another. Radii are means over the certified '
    'images that are classified correctly: the `global` certificate, which divides the margin by '
    'such a product, the best certificate, and the smallest perturbation that an attack found.')
UNITS_NOTE = (
    'Purity: the share of the most frequent class among the top %d of %d test images, a mean over '
    'the units that are alive or the directions. p: Mann-Whitney, two-sided, units against random '
    'directions. Above: how often a unit is purer than a direction, a tie half. Shuffled: the '
    'directions on features whose images were shuffled, feature by feature.')


def write_spectral(results_dir, folder, published=False):
    """Writes spectral.md into `folder`; returns the text."""
    path = os.path.join(results_dir, 'spectral.json')
    networks = read_analysis(path, 'spectral', 'networks')['networks']
    lines = ['| Network | Layers | Product | global | Best | Attacked | Images |',
             '|---' * 7 + '|']
    try:
        for name, network in zip(labels([each['train'] for each in networks]), networks):
            layers = ', '.join('%s %.3g' % (layer['name'], layer['norm'])
                               for layer in network['layers'])
            radii = network['certified'] or {}
            lines.append('| %s | %s | %s | %s | %s |' % (
                name, layers, number(network['product'], '%.3g'), ' | '.join(
                    number(radii.get(each), form) for each, form in
                    (('global', '%.2g'), ('best', '%.3f'), ('attacked', '%.3f'))),
                radii.get('images', '-')))
    except (KeyError, TypeError, AttributeError):
        raise UserError('%s: a network lacks layers with name and norm, product or certified' %
                        path)
    if published:
        lines.append('| AlexNet (paper) | %s | %.3g | - | - | - | - |' % (
            ', '.join('%s %.3g' % pair for pair in TABLE5), np.prod([norm for _, norm in TABLE5])))
    return written(folder, 'spectral.md', lines + ['', SPECTRAL_NOTE, ''])


def number(value, form):
    """A number as a text, - for None."""
    return '-' if value is None else form % value


def write_units(results_dir, folder, unused_published=False):
    """Writes units.md into `folder`; returns the text. The paper has pictures alone."""
    path = os.path.join(results_dir, 'units.json')
    contents = read_analysis(path, 'units', 'networks')
    networks = contents['networks']
    try:
        trained = [each for each in networks if not each['untrained']]
        names = labels([each['train'] for each in trained])
        names = dict(zip(map(id, trained), names))
        lines, top = ['| Network | Layer | Alive | %s | Units - directions | p | Above |' %
                      ' | '.join(GROUPS.values()), '|---' * (len(GROUPS) + 6) + '|'], 0
        for network in networks:
            for layer in network['layers']:
                top = len(layer['counts']['unit'])
                lines.append(units_line(names.get(id(network), 'untrained'), layer))
        lines += [''] + between(networks, names)
        settings = contents['analysis']['args']
        check(top == settings['top'], '%s: counts are of %d images, top is %s', path, top,
              settings['top'])
        words = UNITS_NOTE % (top, contents['num_examples'])
    except (KeyError, TypeError, AttributeError):
        raise UserError('%s: a network lacks layers with name, phase, units, alive and counts' %
                        path)
    return written(folder, 'units.md', lines + ['', words, ''])


def purities(counts):
    """The values that counts are of: 1 / top, 2 / top, ... 1."""
    return np.arange(1, len(counts) + 1) / float(len(counts))


def units_line(name, layer):
    """The row of a layer."""
    counts = layer['counts']
    means = [number(np.dot(counts[group], purities(counts[group])) / sum(counts[group])
                    if sum(counts[group]) else None, '%.3f') for group in GROUPS]
    return '| %s | %s, %s | %d of %d | %s | %s |' % (
        name, layer['name'], layer['phase'], layer['alive'], layer['units'], ' | '.join(means),
        ' | '.join(compared(counts['unit'], counts['direction'])))


def compared(counts, others):
    """(difference of the means with its interval, p, how often above) as texts."""
    p, above = mann_whitney(counts, others)
    if p is None:
        return '-', '-', '-'
    return ('%+.3f [%+.3f, %+.3f]' % difference(counts, others, purities(counts)),
            '%.2g' % p, '%.2f' % above)


def between(networks, names):
    """Units of each network against those of the first, layer by layer, and its directions too."""
    first = {(layer['name'], layer['phase']): layer['counts'] for layer in networks[0]['layers']}
    lines = ['| Purity against %s | Layer | Units | p | Directions | p |' %
             names.get(id(networks[0]), 'untrained'), '|---' * 6 + '|']
    for network in networks[1:]:
        for layer in network['layers']:
            other = first.get((layer['name'], layer['phase']))
            if other:
                cells = [text for group in ('unit', 'direction')
                         for text in compared(layer['counts'][group], other[group])[:2]]
                lines.append('| %s | %s, %s | %s |' % (
                    names.get(id(network), 'untrained'), layer['name'], layer['phase'],
                    ' | '.join(cells)))
    return lines
