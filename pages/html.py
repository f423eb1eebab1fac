"""The report as one HTML page that stands alone: pictures are embedded, nothing is fetched."""
import os
import re

import numpy as np

from experiments.names import attack_name, column_name, defense_name
from figures.examples import perturbations, tile
from figures.sheets import data_uri
from figures.templates import as_it_is, environment
from pages.examples import extremes, first_runs
from pages.pictures import FIRST, attacks_of
from pages.settings import compare
from reporting.text import best_rows, heading, notes_of, rows_of

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'templates')
NOTE = (
    'rho is the mean of ‖r‖₂ / ‖x‖₂ over the images (eq. 8): an image that is misclassified to '
    'begin with counts with r = 0, and one whose attack failed with the r that it was left with; '
    'the share of those is in brackets. The worst case takes, image by image, the smallest '
    'perturbation that any attack found, over the images that any fooled.')
CAPTION = ('Test error, and rho under each attack; the best of a column in bold%s. Mean ± standard '
           'deviation where there are several runs.')


def tiles(rows, scale=None):
    """Rows of Examples as the template shows them."""
    return [{'label': row.label,
             'tiles': [dict(example._asdict(), data=data_uri(tile(example.image, scale)))
                       for example in row.examples]} for row in rows]


def shown_examples(examples):
    """What the template shows of {attack: Rows}, the paper's attack first."""
    found = []
    for attack in sorted(examples, key=lambda name: name != FIRST):
        rows = examples[attack]
        signed, scale = perturbations(rows)
        found.append({'attack': attack_name(attack), 'rows': tiles(rows), 'scale': scale,
                      'signed': tiles(signed, scale)})
    return found


def shown_extremes(table):
    """[(attack, defense, easiest, hardest)] of the first run of each name, as pairs of images."""
    found = []
    for attack in attacks_of(table):
        for run in first_runs(table.runs):
            both = extremes(run, attack)
            if both:
                found.append((attack_name(attack), defense_name(run.name)) +
                             tuple([pair(*one) for one in ends] for ends in both))
    return found


def pair(index, original, adversarial, l2):
    """An original beside what became of it, as the template shows it."""
    image = np.concatenate([original.image, adversarial.image], axis=1)
    return {'index': index, 'l2': l2, 'text': adversarial.text, 'alt': adversarial.alt,
            'data': data_uri(tile(image))}


def shown_pictures(pictures):
    """Pictures with their bytes."""
    found = []
    for picture in pictures:
        with open(picture.path, 'rb') as stream:
            found.append(dict(picture._asdict(), data=data_uri(stream.read())))
    return found


def unbroken(text):
    """The text of a cell, which may go on in another line only before a bracket."""
    return re.sub(r'[\[(].*?[\])]| ± ', lambda part: part.group().replace(' ', '\xa0'), text)


def shown_rows(table, with_published):
    """The rows of a Table as the template shows them."""
    _, *texts = rows_of(table, with_published)
    best = best_rows(table)
    return [{'name': row[0], 'cells': [
        {'text': unbroken(text), 'best': place in best[column],
         'value': cells[column].mean if cells[column] else None}
        for column, text in zip(table.columns, row[1:])]}
        for place, (row, (_, _, cells)) in enumerate(zip(texts, table.rows))]


def section(number, table, shown, with_published, comparisons, notes):
    """What the template shows of a Table."""
    examples = shown_examples(shown.examples)
    charts = [('rho', 'How rho is distributed', shown_pictures(shown.rho)),
              ('training', 'Training', shown_pictures(shown.training))]
    found = {
        'id': 's%d' % number, 'heading': heading(table), 'examples': examples,
        'others': ', '.join(one['attack'] for one in examples[1:]),
        'failures': any(example.failed for rows in shown.examples.values() for row in rows
                        for example in row.examples),
        'caption': CAPTION % (', the published value and the difference to it in parentheses' if
                              with_published else ''),
        'header': ['Defense'] + [column_name(column) for column in table.columns],
        'rows': shown_rows(table, with_published), 'notes': list(notes(table)),
        'comparisons': comparisons(table) if comparisons else [],
        'charts': [chart for chart in charts if chart[2]], 'extremes': shown_extremes(table)}
    found.update(compare(table.runs))
    found['parts'] = ([('examples', 'examples')] * bool(examples) + [('table', 'table')] +
                      [(name, words.lower()) for name, words, _ in found['charts']] +
                      [('extremes', 'easiest and hardest images')] * bool(found['extremes']) +
                      [('settings', 'settings')])
    return found


def page(sections, with_published=False, comparisons=None, notes=notes_of):
    """The page as text; sections: [(Table, Shown of pages.pictures)].

    comparisons: Table -> [(title, note, rows of texts, the header first)], what stands below it;
    notes: Table -> lines.
    """
    templates = environment(TEMPLATES)
    return templates.get_template('report.html').render(
        style=as_it_is(templates, 'report.css'), script=as_it_is(templates, 'report.js'), note=NOTE,
        sections=[section(number, table, shown, with_published, comparisons, notes)
                  for number, (table, shown) in enumerate(sections)])
