"""What the ensemble says of the runs of a Table: attacks against the smallest perturbations, and
robust accuracies.
"""
import collections

import numpy as np

from evaluation.results import RADII, summarise
from experiments.names import attack_name, defense_name
from reporting.runs import joint, worst_case
from reporting.text import heading
from robustness.compare import WITHIN, compared, lengths

ATTACKS = ['Defense', 'Attack', 'rho', 'Median l2', 'Failed'] + [
    'Within %d %%' % percent for percent in WITHIN] + ['Optimality']
ACCURACIES = ['Defense', 'Images', 'Worst case', 'Median'] + [
    'Right at l2 %g, %%' % radius for radius in (0.,) + RADII]
NOTES = (
    'Within: the share of the images that are classified correctly on which the attack is at most '
    'so much above the smallest perturbation of all attacks that keep to [0, 1]. Optimality: one '
    'minus the area between its curve of robust accuracy and theirs, over the largest such area '
    '(AttackBench).',
    'Right at l2: the share of all images that are classified correctly and that no attack fooled '
    'within the radius. The worst case and its median are of rho.')


def boxed(run, attack):
    """Whether an attack of a Run kept to [0, 1]."""
    return run.test[attack].get('attacks', {}).get(attack, {}).get('box', True)


def facts_of(run):
    """{attack: (rho, median l2, failures, what `compared` says)} of a Run, over the images that
    every attack was tried on.
    """
    table = joint(run)
    smallest = np.min([lengths(table, attack) for attack in run.tables if boxed(run, attack)],
                      axis=0)
    summary = summarise(table)['attacks']
    facts = {}
    for attack in run.tables:
        near = compared(lengths(table, attack), smallest)
        values = summary[attack]
        facts[attack] = [values['rho'], values['l2_median'], values['failed']] + [
            near['within_%d' % percent] for percent in WITHIN] + [near['optimality']]
    return facts


def comparisons(table):
    """[(title, note, rows of texts, the header first)] of a Table of build_tables; empty where no
    run was tested with the ensemble. Numbers are means over the runs of a row, failures sums.
    """
    by_name = collections.OrderedDict()
    for run in table.runs:
        if 'ensemble' in run.tables:
            by_name.setdefault(run.name, []).append(run)
    if not by_name:
        return []
    attacks, accuracies = [ATTACKS], [ACCURACIES]
    for name, runs in by_name.items():
        facts = [facts_of(run) for run in runs]
        for attack in facts[0]:
            columns = list(zip(*(each[attack] for each in facts if attack in each)))
            attacks.append([defense_name(name), attack_name(attack), average(columns[0]),
                            average(columns[1]), '%d' % sum(columns[2])] + [
                                average(column, '%.1f %%', 100.) for column in columns[3:-1]] + [
                                    average(columns[-1])])
        accuracies.append([defense_name(name)] + accuracy_texts(runs))
    return [('Attacks beside the smallest perturbation', NOTES[0], attacks),
            ('Robust accuracy under all attacks', NOTES[1], accuracies)]


def accuracy_texts(runs):
    """The cells of a row of robust accuracies."""
    tables = [joint(run) for run in runs]
    summaries = [summarise(table) for table in tables]
    worst = [worst_case(run) for run in runs]
    found = [rho[np.isfinite(rho)] for rho in worst]
    sizes = sorted({summary['num_examples'] for summary in summaries})
    return [' to '.join('%d' % size for size in sizes),
            average([rho.mean() if len(rho) else None for rho in found]),
            average([np.median(rho) for rho in worst]),
            average([1 - summary['error'] for summary in summaries], '%.1f', 100.)] + [
                average([summary['robust_accuracy']['%g' % radius] for summary in summaries],
                        '%.1f', 100.) for radius in RADII]


def average(values, form='%.3f', factor=1.):
    """The mean of the values as a text, '-' where one is missing or infinite."""
    if not values or any(value is None or np.isinf(value) for value in values):
        return '-'
    return form % (factor * np.mean(values))


def comparison_markdown(tables, comparisons=comparisons):
    """The comparisons of every Table as Markdown; '' where there is none."""
    lines = []
    for table in tables:
        for title, note, rows in comparisons(table):
            lines += ['**%s: %s**' % (heading(table), title), '']
            lines += ['| %s |' % ' | '.join(rows[0]), '|---' * len(rows[0]) + '|']
            lines += ['| %s |' % ' | '.join(row) for row in rows[1:]] + ['', note, '']
    return '\n'.join(lines)
