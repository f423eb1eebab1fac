"""How good each attack is beside the smallest perturbations that are known; l2, NumPy alone."""
import numpy as np

from evaluation.results import attacks_of

WITHIN = (1, 5)   # percent above the smallest


def lengths(table, attack):
    """l2 of an attack's perturbations in a table of results: [n], 0 where the image is
    misclassified to begin with, infinite where the attack failed.
    """
    found = np.where(table[attack + '_success'] == 1, table[attack + '_l2'], np.inf)
    return np.where(table['pred'] == table['label'], found, 0.)


def compared(l2, smallest):
    """An attack's lengths [n] against the smallest known [n], both as `lengths` has them:
    {'within_1', 'within_5', 'optimality'}.

    within: the share of the images that are
    right to begin with whose length is at most so many percent above the smallest. optimality: one
    minus the area between the curves of robust accuracy of the attack and of the smallest, over the
    largest such area (AttackBench, Cinà et al. 2025); None where the smallest is not known to be
    above 0 and finite for any image. The area under a curve up to the largest radius is the mean of
    min(l2, radius).
    """
    right = smallest > 0
    known = right & np.isfinite(smallest)
    facts = {}
    for percent in WITHIN:
        near = l2[right] <= (1 + percent / 100.) * smallest[right]
        facts['within_%d' % percent] = float(np.mean(near)) if right.any() else None
    facts['optimality'] = None
    if known.any():
        radius = smallest[known].max()
        least, found = (np.minimum(values, radius).mean() for values in (smallest, l2))
        worst = radius * right.mean()
        facts['optimality'] = float((worst - found) / (worst - least)) if worst > least else None
    return facts


def ensemble_summary(table):
    """{'ensemble': {attack: how near it is to the ensemble, see compared}} of a table of results;
    nothing without the ensemble.
    """
    attacks = attacks_of(table)
    if 'ensemble' not in attacks:
        return {}
    smallest = lengths(table, 'ensemble')
    return {'ensemble': {attack: compared(lengths(table, attack), smallest) for attack in attacks}}
