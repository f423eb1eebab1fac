"""Which images a report shows, and what it says of each."""
import collections

import numpy as np

from experiments.names import defense_name
from figures.examples import Example, Row
from figures.samples import extreme_rows, read_samples

CLASSES = 10   # columns of the examples at most


class Kept(object):
    """What is known of the images that a test kept of an attack: the images, and their rows of
    results.tsv as columns; none where it kept none. With `every`, all that it kept.
    """

    def __init__(self, run, attack, every=False):
        found = None
        if attack in run.tables:
            found = read_samples(run.folders[attack], attack, every)
        self.rows, self.x, self.x_adv = found or (np.arange(0), None, None)
        table = run.tables[attack] if found else {}
        self._columns = {name: values[self.rows] for name, values in table.items()}
        self.attack = attack
        self.place = {index: place for place, index in
                      enumerate(self._columns['index'].tolist())} if found else {}

    def is_right(self):
        """[m] bool: the originals that the network classifies correctly."""
        return self.column('pred') == self.column('label')

    def failed(self):
        """[m] bool: those of them that the attack left so."""
        return self.is_right() & (self.column('success') != 1)

    def column(self, name):
        """A column of results.tsv, or one of the attack's."""
        columns = self._columns
        return columns[name] if name in columns else columns[self.attack + '_' + name]

    def original(self, place):
        """The Example of an original."""
        label = int(self.column('label')[place])
        return Example(self.x[place], '%d' % label, 'a %d' % label, False)

    def adversarial(self, place):
        """The Example of what the attack made of it."""
        label, pred, found = (int(self.column(name)[place])
                              for name in ('label', 'pred', self.attack + '_pred'))
        rho = float(self.column('rho')[place])
        if pred != label:
            text, alt = 'seen as %d' % pred, 'a %d that is taken for a %d unperturbed' % (label,
                                                                                          pred)
        elif self.failed()[place]:
            text, alt = '%d→%d failed' % (label, found), 'a %d on which the attack failed' % label
        else:
            text = '%d→%d  ρ %.2f' % (label, found, rho)
            alt = 'a %d that became a %d with rho %.2f' % (label, found, rho)
        return Example(self.x_adv[place], text, alt, bool(self.failed()[place]))


def first_runs(runs):
    """The first run of each name."""
    found = collections.OrderedDict()
    for run in runs:
        found.setdefault(run.name, run)
    return list(found.values())


def examples(runs, attack):
    """Rows of Examples, the originals and then one a defense; empty where no images were kept.

    Of each class the first image that every one of the networks classifies correctly, else the
    first that all have.
    """
    kept = {run.name: Kept(run, attack) for run in first_runs(runs)}
    kept = {name: one for name, one in kept.items() if one.place}
    if not kept:
        return []
    first = next(iter(kept.values()))
    common = sorted(set.intersection(*(set(one.place) for one in kept.values())))
    chosen = {}
    for index in common:
        label = int(first.column('label')[first.place[index]])
        right = all(one.column('pred')[one.place[index]] == label for one in kept.values())
        if label not in chosen or right and not chosen[label][1]:
            chosen[label] = (index, right)
    chosen = [index for _, (index, _) in sorted(chosen.items())][:CLASSES]
    if not chosen:
        return []
    rows = [Row('original', [first.original(first.place[index]) for index in chosen])]
    return rows + [Row(defense_name(name), [one.adversarial(one.place[index]) for index in chosen])
                   for name, one in kept.items()]


def extremes(run, attack):
    """(easiest, hardest): the images that were fooled by the smallest and the largest rho, each
    [(index, original Example, adversarial Example, l2)]; None where no images were kept.
    """
    kept = Kept(run, attack)
    if not kept.place:
        return None
    fooled = kept.is_right() & ~kept.failed()
    return tuple([(int(kept.column('index')[place]), kept.original(place), kept.adversarial(place),
                   float(kept.column('l2')[place])) for place in places]
                 for places in extreme_rows(kept.column('rho'), fooled))
