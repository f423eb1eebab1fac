"""Table 2: how often the label that people give an adversarial image is the network's, and how
often it is still the original one.
"""
import collections

import numpy as np

from experiments.names import defense_name, model_name
from experiments.table2 import ASSIGNMENTS, PUBLISHED

DRAWS = 10000   # of the bootstrap
COVERAGE = 95   # % of its interval
HEADER = ('Network', 'Labels by', 'Labels', '% Change', '% No change', 'Agreement, %')
PROXY = ('A proxy is a network or a k-NN that labels in place of people. It says what another '
         'classifier makes of the images, not what people see.')
PEOPLE = ('Change: the label is the class that the network took the image for; no change: it is '
          'the original one. Agreement: of two labels of one image. In brackets, 95 % intervals by '
          'bootstrap over annotators.')

Score = collections.namedtuple('Score', 'annotators labels change no_change agreement')
Score.__doc__ = """A row of Table 2: how many annotators and labels; (value, low, high) of each
share in [0, 1], low and high None for a single annotator; agreement may be None."""


def score(kit, answers, seed=0):
    """The Score of a Kit's Answers; None where there are none."""
    if not len(answers.label):
        return None
    label, target = kit.label[answers.row], kit.target[answers.row]
    changed = (answers.label == target) & (target != label)
    kept = answers.label == label
    number = int(answers.annotator.max()) + 1
    totals = [np.bincount(answers.annotator, weights, number)
              for weights in (changed, kept, np.ones(len(label)))]
    weights = np.random.RandomState(seed).multinomial(number, [1. / number] * number, DRAWS)
    found = []
    for hits in totals[:2]:
        low = high = None
        if number > 1:
            drawn = weights.dot(hits) / np.maximum(weights.dot(totals[2]), 1)
            low, high = np.percentile(drawn, [50 - COVERAGE / 2., 50 + COVERAGE / 2.])
        found.append((hits.sum() / len(label), low, high))
    return Score(number, len(label), *found, agreement=agreement(answers))


def agreement(answers):
    """The share of the pairs of labels of one image that are the same; None without a pair."""
    _, image = np.unique(answers.row, return_inverse=True)
    counts = np.zeros((image.max() + 1, answers.label.max() + 1))
    np.add.at(counts, (image, answers.label), 1)
    of_each = counts.sum(axis=1)
    pairs = np.sum(of_each * (of_each - 1))
    return float(np.sum(counts * (counts - 1)) / pairs) if pairs else None


def share_text(value, low, high):
    """A share and its interval, in %."""
    text = '%.2f' % (100 * value)
    return text if low is None else text + ' [%.2f, %.2f]' % (100 * low, 100 * high)


def score_row(kit, who, found):
    """The cells of a Score."""
    return [network_name(kit), who, '%d' % found.labels, share_text(*found.change),
            share_text(*found.no_change),
            '-' if found.agreement is None else '%.2f' % (100 * found.agreement)]


def network_name(kit):
    """The network of a Kit, for people."""
    return '%s, %s' % (model_name(kit.facts['model']), defense_name(kit.facts['defense']))


def published_row(kit):
    """The paper's row for the network of a Kit, or None."""
    key = kit.facts['model'], kit.facts['defense']
    if kit.facts['dataset'] != 'mnist' or key not in PUBLISHED:
        return None
    return [network_name(kit), '%d people (paper)' % ASSIGNMENTS, '10000'] + [
        '%.2f' % value for value in PUBLISHED[key]] + ['-']


def table2(found):
    """Markdown of [(Kit, Answers of people, {judge: Answers})]."""
    rows, proxies = [], False
    for kit, people, judges in found:
        counted = score(kit, people)
        if counted:
            who = '%d %s' % (counted.annotators, 'person' if counted.annotators == 1 else 'people')
            rows.append(score_row(kit, who, counted))
        for judge, answers in judges.items():
            proxies = True
            rows.append(score_row(kit, 'proxy: ' + judge, score(kit, answers)))
        rows += [row for row in [published_row(kit)] if row]
    lines = ['| %s |' % ' | '.join(row) for row in [HEADER] + rows]
    lines.insert(1, '|---' * len(HEADER) + '|')
    return '\n'.join(lines + ['', PEOPLE] + ['', PROXY] * proxies)
