"""Figures 1, 2 and 4 of the paper, from the images that test.py saved of Carlini-Wagner."""
import collections
import os

from utils.errors import check

import numpy as np

from experiments.names import defense_name, model_name
from experiments.paper_figures import CONFIDENT, PUBLISHED, enough_margin
from figures.examples import Example, Row, plot_examples
from figures.mosaic import plot_mosaics
from pages.examples import Kept

FREE = 'carlini'         # the attack towards any class, of Figure 4b
AIMED = 'carlini_'       # begins the names of those towards targets
EACH = AIMED + 'each'    # an image towards every class, which Figure 2 prefers to others
SHOWN = 64               # images in a part of Figure 4
COMMAND = 'test.py --attacks=carlini --targets=random --carlini_confidence=%.2f --save_adv'

Drawn = collections.namedtuple('Drawn', 'path network values')
Drawn.__doc__ = """A figure: its PNG file, the network, [(what, its value here, the paper's)], of
confidences."""


def draw_figure(number, runs, folder):
    """Draws Figure `number` of every run that has what it needs; [Drawn].

    Raises UserError where none has.
    """
    draw = {1: figure_1, 2: figure_2, 4: figure_4}[number]
    found = []
    for run in runs:
        kept = kept_of(run, number)
        if kept:
            name = '_'.join([run.model, os.path.basename(run.dataset), run.name, 's%d' % run.seed])
            path = os.path.join(folder, 'figure_%d_%s.png' % (number, name))
            values = draw(kept, path, network_of(run))
            found.append(Drawn(path, network_of(run), values))
    check(found, '--figure=%d: no run was tested with what it is drawn from; expected the results '
          'of %s%s', number, COMMAND % (enough_margin(10) + 0.01),
          ' and of test.py --carlini --save_adv' * (number == 4))
    return found


def network_of(run):
    """What people call the network of a run."""
    return '%s, %s' % (model_name(run.model), defense_name(run.name))


def kept_of(run, number):
    """(Kept of the attack towards targets, Kept towards any class or None for Figures 1 and 2);
    None where the run lacks one.
    """
    aimed = sorted((name for name in run.tables if name.startswith(AIMED)),
                   key=lambda name: ((name == EACH) != (number == 2), name))
    names = aimed[:1] + [FREE] * (number == 4)
    kept = [Kept(run, name, every=True) for name in names]
    if not aimed or not all(one.place for one in kept):
        return None
    return (kept + [None])[:2]


class Reached(object):
    """The images of a Kept that were right and that the attack led to its class."""

    def __init__(self, kept, attack):
        self.kept = kept
        self.label, self.conf, self.index = (kept.column(name)
                                             for name in ('label', 'conf', 'index'))
        self.target, self.conf_adv, self.l2 = (
            kept.column('%s_%s' % (attack, name)) for name in ('pred', 'conf', 'l2'))
        self.good = kept.is_right() & ~kept.failed()

        self.confident = self.good & (self.conf_adv >= CONFIDENT)

    def between(self, source, target, first=None):
        """The places of images of `source` that became `target` with enough confidence: the image
        `first` of the dataset, then the others in its order.
        """
        places = np.flatnonzero(self.confident & (self.label == source) & (self.target == target))
        index = self.index[places]
        return places[np.lexsort((index, index != first))]

    def widest(self, source):
        """The image of `source`, by its place in the dataset, that became the most classes; None
        where none became any.
        """
        index, classes = np.unique(self.index[self.confident & (self.label == source)],
                                   return_counts=True)
        return index[np.argmax(classes)] if len(index) else None

    def original(self, place):
        """The Example of an original with its confidence."""
        text = '%d  %s' % (self.label[place], percent(self.conf[place]))
        return Example(self.kept.x[place], text, 'a ' + text, False)

    def adversarial(self, place):
        """The Example of what it became, with its confidence."""
        text = '%d→%d  %s' % (self.label[place], self.target[place],
                              percent(self.conf_adv[place]))
        return Example(self.kept.x_adv[place], text, text, False)

    def classes(self):
        """The classes that there are, in order."""
        return np.unique(self.label).tolist()


def percent(share):
    """A confidence in %, rounded down: 100 % is a certainty."""
    return '%d %%' % int(100 * share + 1e-9)


def figure_1(kept, path, network):
    """Two images and what each becomes: the other's class. The two that change least."""
    reached = Reached(kept[0], kept[0].attack)
    best = None
    for source in reached.classes():
        for target in range(source):
            ways = [reached.between(*pair) for pair in ((source, target), (target, source))]
            if all(len(way) for way in ways):
                pair = [way[np.argmin(reached.l2[way])] for way in ways]
                best = min(filter(None, [best, (reached.l2[pair].sum(), pair)]))
    check(best, '--figure=1: no two classes of which images of each became the other with a '
          'confidence of %s; expected more images', percent(CONFIDENT))
    pair = best[1]
    plot_examples([Row('original', [reached.original(place) for place in pair]),
                   Row('adversarial', [reached.adversarial(place) for place in pair])],
                  path, title=network)
    return compared(1, original=reached.conf[pair].mean(),
                    adversarial=reached.conf_adv[pair].mean())


def figure_2(kept, path, network):
    """Source by target, the originals on the diagonal: one image a row, and others for the classes
    that it did not become; a cell that nothing reached stays empty.
    """
    reached = Reached(kept[0], kept[0].attack)
    classes = reached.classes()
    empty = Example(np.ones_like(kept[0].x[0]), '', 'no image', False)
    rows, confident, originals = [], [], []
    for source in classes:
        first = reached.widest(source)
        cells = []
        for target in classes:
            if source == target:
                places = np.flatnonzero(reached.index == first)[:1].tolist()
                originals += places
                cells += [reached.original(place)._replace(text='original  ' + percent(
                    reached.conf[place])) for place in places] or [empty]
            else:
                places = reached.between(source, target, first)[:1].tolist()
                confident += places
                cells += [reached.adversarial(place) for place in places] or [empty]
        rows.append(Row('%d →' % source, cells))
    check(confident, '--figure=2: no image has a confidence of %s under the attack; expected '
          '--carlini_confidence=%.2f', percent(CONFIDENT), enough_margin(len(classes)) + 0.01)
    plot_examples(rows, path, title=network + ': a test image a row (framed), and what '
                  'Carlini-Wagner makes of it towards every other class',
                  framed=[(place, place) for place in range(len(classes))])
    return compared(2, original=reached.conf[originals].mean(),
                    adversarial=reached.conf_adv[confident].mean())


def figure_4(kept, path, network):
    """(a) images, (b) at the boundary, (c) with confidence: the same images in all three."""
    confident, boundary = (Reached(one, one.attack) for one in kept)
    common = sorted(set(confident.index[confident.good]) & set(boundary.index[boundary.good]))
    check(common, '--figure=4: the two tests have no image in common')
    order = np.random.RandomState(0).permutation(common)[:SHOWN]
    here, there = ([one.kept.place[index] for index in order] for one in (confident, boundary))
    values = compared(4, original=confident.conf.mean(),
                      boundary=boundary.conf_adv[boundary.good].mean(),
                      confident=confident.conf_adv[confident.good].mean())
    titles = ['(%s) %s\nmean confidence %s' % (letter, what, percent(value))
              for letter, (what, value, _) in zip('abc', values)]
    plot_mosaics(list(zip(titles, (confident.kept.x[here], boundary.kept.x_adv[there],
                                   confident.kept.x_adv[here]))), network, path)
    return values


NAMES = {'original': 'test images', 'adversarial': 'adversarial images',
         'boundary': 'adversarial images at the boundary',
         'confident': 'confident adversarial images'}


def compared(number, **values):
    """[(what, mean confidence here, the paper's)]."""
    return [(NAMES[name], float(value), PUBLISHED[number][name])
            for name, value in values.items()]


def figure_markdown(number, drawn):
    """What the figures show beside what the paper prints, as Markdown."""
    lines = ['| Figure %d | Mean confidence of | Here, %% | Paper, %% |' % number,
             '|---|---|---|---|']
    for one in drawn:
        lines += ['| %s | %s | %.1f | %.0f |' % (one.network, what, 100 * value, 100 * published)
                  for what, value, published in one.values]
    return '\n'.join(lines + ['']) + '\n'.join('\n%s' % one.path for one in drawn)
