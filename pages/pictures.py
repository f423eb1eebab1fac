"""The pictures of a report: drawn into its folder, each with a caption and with words for those
who do not see it.
"""
import collections
import os

from utils.files import read_json_lines

import numpy as np

from experiments.names import attack_name, defense_name
from figures.examples import plot_examples
from figures.plots import plot_curves, plot_rho
from pages.examples import examples, first_runs
from reporting.runs import rho_of
from reporting.text import heading

LEADING = ('deepfool', 'high_confidence', 'carlini', 'boundary')   # the attacks, in this order
FIRST = 'high_confidence'   # whose examples a report opens with

Picture = collections.namedtuple('Picture', 'path caption alt')
Picture.__doc__ = """A PNG file, what stands below it, and what is to be seen in it."""

Shown = collections.namedtuple('Shown', 'examples rho training')
Shown.__doc__ = """What a report shows of a Table: {attack: Rows of figures.examples}; the Pictures
of how rho is distributed, and of the training."""


def label_of(table):
    """The part of a file's name that says which Table it is of."""
    return table.title.replace(', ', '_').replace(os.sep, '_').replace(' ', '_')


def attacks_of(table):
    """The attacks of a Table: the paper's three, the boundary attack, the others."""
    attacks = {attack for run in table.runs for attack in run.tables}
    return [name for name in LEADING if name in attacks] + sorted(attacks - set(LEADING))


def draw(table, folder, say=lambda doing: None):
    """Draws the pictures of a Table into `folder`; returns them as Shown. say(text) tells what is
    drawn.
    """
    say('rho')
    rho = draw_rho(table, folder)
    say('training')
    shown = Shown(collections.OrderedDict(), rho, draw_training(table, folder))
    for attack in attacks_of(table):
        say('examples of ' + attack_name(attack))
        rows = examples(table.runs, attack)
        if rows:
            shown.examples[attack] = rows
            for signed, kind in ((False, 'examples'), (True, 'perturbations')):
                name = '%s_%s_%s.png' % (kind, label_of(table), attack)
                plot_examples(rows, os.path.join(folder, name), signed)
    return shown


def draw_rho(table, folder):
    """How rho is distributed, a Picture an attack, all on one axis."""
    found = collections.OrderedDict()
    for attack in attacks_of(table):
        curves = found.setdefault(attack, collections.OrderedDict())
        for run in table.runs:
            if attack in run.tables:
                curves.setdefault(run.name, []).append(rho_of(run.tables[attack], attack))
    finite = [rho[np.isfinite(rho)] for curves in found.values() for runs in curves.values()
              for rho in runs]
    right = 1.02 * max([float(rho.max()) for rho in finite if len(rho)] + [1e-3])
    pictures = []
    for attack, curves in found.items():
        path = os.path.join(folder, 'rho_%s_%s.png' % (label_of(table), attack))
        plot_rho(curves, '%s, %s' % (attack_name(attack), heading(table)), path, right)
        halves = ', '.join('%s %.2f' % (defense_name(name), np.median(np.concatenate(runs)))
                           for name, runs in curves.items())
        pictures.append(Picture(
            path, attack_name(attack), 'Falling curves, one a defense: the share of images with '
            'rho above a value under %s. Half of the images are above: %s.' %
            (attack_name(attack), halves)))
    return pictures


def draw_training(table, folder):
    """The training of the first run of each name, as Pictures."""
    pictures = []
    for run in first_runs(table.runs):
        rows = read_json_lines(os.path.join(next(iter(run.folders.values())), 'metrics.jsonl'))
        if rows:
            path = os.path.join(folder, 'training_%s_%s_s%d.png' % (label_of(table), run.name,
                                                                    run.seed))
            plot_curves(rows, path)
            last = rows[-1].get('val_err')
            pictures.append(Picture(
                path, '%s, seed %d' % (defense_name(run.name), run.seed),
                'Losses, errors and rho over %d epochs of %s%s.' %
                (len(rows), defense_name(run.name), '' if last is None else
                 '; the validation error ends at %.2f %%' % (100 * last))))
    return pictures
