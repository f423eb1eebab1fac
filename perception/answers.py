"""What annotators and judges answered: the files in the folder `answers` of a kit.

A page's download is JSON: kit, assignment, annotator and `answers`, the label of each image or
null. MTurk's results are CSV: WorkerId, Input.kit, Input.assignment, Answer.label_1 and so on. A
judge's file is JSON too: kit, judge and the answers to all rows of the kit.
"""
import collections
import csv
import glob
import json
import os

from utils.errors import UserError, check

import numpy as np

from perception.kit import assignments, rows_of

FOLDER = 'answers'
REJECTED = 'Rejected'   # MTurk's AssignmentStatus of what the requester did not accept

Answers = collections.namedtuple('Answers', 'annotator row label')
Answers.__doc__ = """Labels, one an entry: the number of who gave it, the row of the kit that it is
for, the label; three integer arrays of one length."""


def read_answers(kit):
    """(Answers of people, {judge: Answers}) of a Kit.

    Raises UserError naming the file and the fault, and where one annotator answered an assignment
    twice and differently.
    """
    people, judges = {}, collections.OrderedDict()
    for path in sorted(glob.glob(os.path.join(glob.escape(kit.path), FOLDER, '*'))):
        if path.endswith('.csv'):
            for found in mturk_rows(path):
                add(people, kit, path, *found)
        elif path.endswith('.json'):
            entry = read_entry(path)
            check(entry.get('kit') == kit.facts['kit'], '%s: is of the kit %r; expected %r', path,
                  entry.get('kit'), kit.facts['kit'])
            if 'judge' in entry:
                labels = checked(kit, path, entry.get('answers'), len(kit.label))
                judges[str(entry['judge'])] = collected([{'rows': range(len(kit.label)),
                                                          'labels': labels}])
            else:
                add(people, kit, path, entry['kit'], entry.get('annotator'),
                    entry.get('assignment'), entry.get('answers'))
        else:
            raise UserError('%s: expected .json or .csv files alone' % path)
    by_annotator = collections.OrderedDict()
    for (annotator, _), entry in sorted(people.items()):
        by_annotator.setdefault(annotator, []).append(entry)
    return collected([{'rows': [row for entry in entries for row in entry['rows']],
                       'labels': [label for entry in entries for label in entry['labels']]}
                      for entries in by_annotator.values()]), judges


def read_entry(path):
    """The object in a JSON file."""
    try:
        with open(path, encoding='utf-8') as stream:
            entry = json.load(stream)
    except (OSError, ValueError) as error:
        raise UserError('%s: not JSON: %s' % (path, str(error).splitlines()[0]))
    check(isinstance(entry, dict), '%s: holds a %s; expected a JSON object', path,
          type(entry).__name__)
    return entry


def add(people, kit, path, identity, annotator, assignment, labels):
    """Adds the answers to an assignment to {(annotator, assignment): {rows, labels, path}}."""
    check(identity == kit.facts['kit'], '%s: is of the kit %r; expected %r', path, identity,
          kit.facts['kit'])
    check(isinstance(annotator, str) and annotator.strip(), '%s: annotator is %r; expected a name',
          path, annotator)
    check(isinstance(assignment, int) and assignment in assignments(kit),
          '%s: assignment is %r; expected 1 to %d', path, assignment, len(assignments(kit)))
    rows = rows_of(kit, assignment)
    labels = checked(kit, path, labels, len(rows))
    earlier = people.setdefault((annotator.strip(), assignment),
                                {'rows': rows, 'labels': labels, 'path': path})
    check(earlier['labels'] == labels, '%s and %s both hold assignment %d of %s, with other labels',
          earlier['path'], path, assignment, annotator)


def checked(kit, path, labels, size):
    """The labels of `size` images, None where there is none; raises UserError for anything else."""
    check(isinstance(labels, list) and len(labels) == size, '%s: answers are %s; expected a list '
          'of %d labels', path, 'a list of %d' % len(labels) if isinstance(labels, list) else
          repr(labels), size)
    known = range(kit.facts['num_classes'])
    for label in labels:
        check(label is None or type(label) is int and label in known,
              '%s: a label is %r; expected 0 to %d', path, label, known[-1])
    return labels


def mturk_rows(path):
    """[(kit, annotator, assignment, labels)] of a file of MTurk's results."""
    with open(path, encoding='utf-8-sig', newline='') as stream:
        reader = csv.DictReader(stream)
        rows = [row for row in reader if row.get('AssignmentStatus') != REJECTED]
        header = reader.fieldnames or ()
    needed = {'WorkerId', 'Input.kit', 'Input.assignment', 'Input.images', 'Answer.label_1'}
    check(needed <= set(header), "%s: lacks the columns %s; expected MTurk's results of mturk.csv",
          path, ', '.join(sorted(needed - set(header))))
    found = []
    for row in rows:
        try:
            texts = [row.get('Answer.label_%d' % place)
                     for place in range(1, int(row['Input.images']) + 1)]
            labels = [int(text) if text and text.strip() else None for text in texts]
            found.append((row['Input.kit'], row['WorkerId'], int(row['Input.assignment']), labels))
        except (TypeError, ValueError) as error:
            raise UserError('%s: a row of %s: %s' % (path, row['WorkerId'], error))
    return found


def collected(entries):
    """The Answers of [{rows, labels}], an entry an annotator; images without a label are left out.
    """
    triples = [(number, row, label) for number, entry in enumerate(entries)
               for row, label in zip(entry['rows'], entry['labels']) if label is not None]
    return Answers(*np.reshape(triples, (-1, 3)).astype(int).T)
