"""The kit of Table 2: adversarial images in assignments, for people to label.

A kit is a folder. `pages/`, `sheets/`, `originals/`, `mturk.csv` and `mturk.html` are for those who
label; `kit.json` and `key.npz` say what the images are and are not. An assignment has a number from
1 on and so has an image in it; a row of the kit is the place of an image among all of them.
"""
import collections
import csv
import hashlib
import io
import os
import posixpath

from utils.errors import UserError, check
from utils.files import atomic_write, make_folder, read_json, write_json

import numpy as np

from datasets.npz import read_arrays
from evaluation.partial import whole_folder
from evaluation.results import read_tsv
from figures.examples import tile
from figures.samples import adversarial_file
from figures.sheets import data_uri, sheet_png
from figures.templates import as_it_is, environment

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'templates')
FACTS = {'kit': str, 'network': str, 'defense': str, 'model': str, 'dataset': str, 'attack': str,
         'num_classes': int, 'per_assignment': int, 'seed': int}
KEY = ('index', 'label', 'target', 'x', 'x_adv')
DIGITS = ('mnist', 'digits')   # datasets whose classes are the digits

Kit = collections.namedtuple('Kit', 'path facts index label target x x_adv')
Kit.__doc__ = """A kit: its folder; FACTS; for each row the image's place in the dataset, its label,
the class that the network takes the adversarial image for; the images as bytes [n, h, w, c], the
originals and the adversarial ones."""


def read_test(folder, attack):
    """(summary.json, results.tsv, {x, x_adv}) of a test that saved an attack's images.

    Raises UserError naming what is missing or does not fit.
    """
    summary = read_json(os.path.join(folder, 'summary.json'))
    table = read_tsv(os.path.join(folder, 'results.tsv'))
    check(attack + '_pred' in table, '%s: has no column %s_pred; expected the results of '
          '--attacks=%s', os.path.join(folder, 'results.tsv'), attack, attack)
    path = os.path.join(folder, adversarial_file(attack))
    check(os.path.exists(path), '%s: no such file; test.py --save_adv writes it', path)
    images = read_arrays(path, ('x', 'x_adv'))
    check(len(images['x']) == len(images['x_adv']) == len(table['index']),
          '%s: has %d images; expected %d, as results.tsv has', path, len(images['x_adv']),
          len(table['index']))
    return summary, table, images


def as_bytes(images):
    """Images in [0, 1] as uint8, as a PNG file holds them."""
    return np.uint8(np.round(255. * np.clip(images, 0, 1)))


def make_kit(folder, attack, per_assignment, seed):
    """The Kit, without a path yet, of the folder of a test: its images in an order that `seed`
    draws.
    """
    summary, table, images = read_test(folder, attack)
    order = np.random.RandomState(seed).permutation(len(table['index']))
    try:
        args = summary['train']['args']
        facts = {name: args[name] for name in ('defense', 'model', 'dataset')}
        facts['num_classes'] = summary['train'].get('num_classes', 10)
    except (KeyError, TypeError):
        raise UserError('%s: lacks train.args with defense, model, dataset' %
                        os.path.join(folder, 'summary.json'))
    columns = [table[name][order] for name in ('index', 'label', attack + '_pred')]
    columns += [as_bytes(images[name][order]) for name in ('x', 'x_adv')]
    digest = hashlib.sha256(repr(sorted(facts.items())).encode())
    for column in columns:
        digest.update(np.ascontiguousarray(column))
    facts.update(kit=digest.hexdigest()[:12], network=os.path.basename(os.path.abspath(folder)),
                 attack=attack, per_assignment=per_assignment, seed=seed)
    return Kit(None, facts, *columns)


def rows_of(kit, assignment):
    """The rows of an assignment, as a range."""
    size = kit.facts['per_assignment']
    return range((assignment - 1) * size, min(assignment * size, len(kit.label)))


def assignments(kit):
    """The numbers of a Kit's assignments."""
    return range(1, -(-len(kit.label) // kit.facts['per_assignment']) + 1)


def write_kit(kit, output, base_url=''):
    """Writes a Kit as the folder `output`, whole or not at all; base_url is where it will lie, for
    mturk.csv.
    """
    check(not os.path.lexists(output), '%s is there already; expected the path of a new folder',
          output)
    width = len(str(len(assignments(kit))))
    templates = environment(TEMPLATES)
    style, script = (as_it_is(templates, 'assignment.' + kind) for kind in ('css', 'js'))
    template = templates.get_template('assignment.html')
    with whole_folder(os.path.abspath(output)) as folder:
        for name in ('pages', 'sheets', 'originals'):
            make_folder(os.path.join(folder, name))
        for number in assignments(kit):
            name = 'assignment_%0*d' % (width, number)
            rows = rows_of(kit, number)
            page = template.render(style=style, number=number, script=script, **shown(kit, rows))
            write_bytes(os.path.join(folder, 'pages', name + '.html'), page.encode())
            for kind, images in (('sheets', kit.x_adv), ('originals', kit.x)):
                write_bytes(os.path.join(folder, kind, name + '.png'),
                            sheet_png(images[rows.start:rows.stop]))
        write_bytes(os.path.join(folder, 'mturk.csv'), mturk_csv(kit, width, base_url).encode())
        write_bytes(os.path.join(folder, 'mturk.html'), templates.get_template(
            'mturk.html').render(places=range(1, kit.facts['per_assignment'] + 1),
                                 **question(kit)).encode())
        with atomic_write(os.path.join(folder, 'key.npz'), 'wb') as stream:
            np.savez_compressed(stream, **{name: getattr(kit, name) for name in KEY})
        write_json(os.path.join(folder, 'kit.json'), kit.facts)


def write_bytes(path, data):
    """Writes a file in a folder that is not in use yet."""
    with open(path, 'wb') as stream:
        stream.write(data)


def question(kit):
    """What the pages ask, and the labels that they offer."""
    word = 'digit' if kit.facts['dataset'] in DIGITS else 'class'
    return {'word': word, 'classes': range(kit.facts['num_classes'])}


def shown(kit, rows):
    """What the page of an assignment shows."""
    images = [data_uri(tile(kit.x_adv[row] / 255.)) for row in rows]
    return dict(question(kit), kit=kit.facts['kit'], images=images,
                total=len(assignments(kit)))


def mturk_csv(kit, width, base_url):
    """A row an assignment, whose columns are variables of mturk.html."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(['kit', 'assignment', 'images', 'sheet'])
    for number in assignments(kit):
        writer.writerow([kit.facts['kit'], number, len(rows_of(kit, number)),
                         posixpath.join(base_url, 'sheets/assignment_%0*d.png' % (width, number))])
    return stream.getvalue()


def read_kit(path):
    """The Kit in a folder; raises UserError naming what is missing or damaged."""
    record = os.path.join(path, 'kit.json')
    check(os.path.exists(record), '%s: no such file; annotate.py export makes a kit', record)
    facts = read_json(record)
    for name, kind in FACTS.items():
        check(isinstance(facts.get(name), kind), '%s: entry %s is %r; expected %s', record, name,
              facts.get(name), kind.__name__)
    check(facts['per_assignment'] > 0, '%s: per_assignment is %d; expected at least 1', record,
          facts['per_assignment'])
    arrays = read_arrays(os.path.join(path, 'key.npz'), KEY)
    sizes = {len(arrays[name]) for name in KEY}
    check(len(sizes) == 1, '%s: arrays of %s rows; expected as many in each',
          os.path.join(path, 'key.npz'), ', '.join(map(str, sorted(sizes))))
    return Kit(path, facts, **{name: arrays[name] for name in KEY})
