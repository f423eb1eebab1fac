"""What networks have in common and what is in them (Szegedy et al., 2014). `analyze.py transfer`
gives adversarial images of some networks to others, `analyze.py units` compares units with random
directions, `analyze.py spectral` bounds each layer's Lipschitz constant.
"""
import os
import sys

from utils import cli
from utils.errors import UserError, check, check_choice

import numpy as np
from absl import flags, logging

from figures.examples import Example, Row, plot_examples
from properties import spectral as spectral_bounds
from properties import transfer as transfer_matrix
from properties import units as unit_purity
from properties.networks import labels
from properties.runs import open_runs, output_path, write_analysis
from reporting.runs import KEY_TYPES
from training.loading import load_run
from training.session import start_graph_mode

FLAGS = flags.FLAGS
SHOWN = 5   # rows of a picture of each group

flags.DEFINE_list('load_dir', '', 'folders of runs, or of what export.py made of them, such as '
                  'runs_mlp/none_s1,runs_mlp/critic_s1')
flags.DEFINE_string('working_dir', 'properties', 'folder of the results')
flags.DEFINE_string('data_dir', None, 'units: folder of the dataset (default: as in training)')
flags.DEFINE_list('test_dir', '', 'transfer: folders of tests with --save_adv of the same images, '
                  'such as test_mlp/none_s1,test_mlp/critic_s1')
flags.DEFINE_list('attacks', '', 'transfer: only the images of these attacks (default: every '
                  'adv_<attack>.npz)')
flags.DEFINE_list('stddev', '0.1', 'transfer: root mean squares that perturbations are amplified '
                  'to, beside the perturbations as they are')
flags.DEFINE_integer('num_examples', 10000, 'units: the first so many test images', 2)
flags.DEFINE_integer('num_units', 200, 'units: so many units and directions of each layer', 1)
flags.DEFINE_integer('top', 8, 'units: images of each direction', 2)
flags.DEFINE_boolean('untrained', False, 'units: the first network as it was before its training, '
                     'too')
flags.DEFINE_string('bounds', None, 'spectral: folder of results with certificates, such as '
                    'results/table1, whose mean radii stand beside the bounds')
flags.DEFINE_integer('seed', 0, 'draws units, directions and noise', 0)
flags.DEFINE_boolean('unfinished', False, 'take a run that has not trained all its epochs')
flags.DEFINE_boolean('overwrite', False, 'replace results in --working_dir')


def settings(*names):
    """What is recorded of the flags."""
    return {name: FLAGS[name].value for name in names}


def numbers(flag):
    """The positive numbers that a flag lists."""
    found = []
    for text in FLAGS[flag].value:
        try:
            found.append(float(text))
        except ValueError:
            raise UserError('--%s is %r; expected positive numbers' % (flag, text))
        check(0 < found[-1] < np.inf, '--%s is %r; expected positive numbers', flag, text)
    return found


def transfer():
    """Tests and runs -> transfer.tsv, transfer.npz, transfer.json."""
    stddevs = numbers('stddev')
    sources, found, x, y = transfer_matrix.read_tests(FLAGS.test_dir, FLAGS.attacks)
    opened = open_runs(FLAGS.load_dir, FLAGS.unfinished)
    check(opened[0].record['image_shape'] == list(x.shape[1:]), '%s was trained on images of shape '
          '%s; those of --test_dir have %s', opened[0].run.path, opened[0].record['image_shape'],
          list(x.shape[1:]))
    paths = {kind: output_path(FLAGS.working_dir, 'transfer.' + kind, FLAGS.overwrite)
             for kind in ('tsv', 'npz', 'json')}
    rows, errors, wrong = transfer_matrix.transfer(opened, found, x, y, stddevs, FLAGS.seed)
    targets = [network.record for network in opened]
    transfer_matrix.write_table(paths['tsv'], sources, targets, rows, errors)
    transfer_matrix.write_errors(paths['npz'], errors, wrong)
    write_analysis(paths['json'], {
        'sources': [{'train': record} for record in sources],
        'targets': [{'train': record} for record in targets], 'rows': rows},
                   settings('attacks', 'stddev', 'seed'))
    logging.info('%s: %d rows of images given to %d networks', paths['tsv'], len(rows),
                 len(targets))


def units():
    """Runs -> units.json and a picture of each network."""
    opened = open_runs(FLAGS.load_dir, FLAGS.unfinished)
    names = labels([network.record for network in opened])
    if FLAGS.untrained:
        opened.append(opened[0]._replace(checkpoint=None))
        names.append(names[0] + ', untrained')
    path = output_path(FLAGS.working_dir, 'units.json', FLAGS.overwrite)
    data, _, _ = load_run(opened[0].run, FLAGS.data_dir)
    images, y = data.test.images(slice(FLAGS.num_examples)), data.test.y[:FLAGS.num_examples]
    networks = []
    for name, network in zip(names, opened):
        contents, tops = unit_purity.units(network, images, y, FLAGS.num_units, FLAGS.top,
                                           FLAGS.seed)
        networks.append(dict(contents, untrained=network.checkpoint is None))
        draw(name, tops, images, y)
        logging.info('%s: %d layers', name, len(contents['layers']) // 2)
    write_analysis(path, {'networks': networks, 'num_examples': len(images)},
                   settings('num_units', 'top', 'seed'))


def draw(name, tops, images, y):
    """units_<name>.png: the top images of the first units and directions of a network."""
    rows = []
    for group in ('unit', 'direction', 'pca'):
        for top in [each for each in tops if each.group == group][:SHOWN]:
            rows.append(Row('%s %d' % (group, top.number), [
                Example(images[row], str(y[row]), '', False) for row in top.rows]))
    words = ''.join(letter if letter.isalnum() else '_' for letter in name.lower())
    plot_examples(rows, os.path.join(FLAGS.working_dir, 'units_%s.png' % words.replace('__', '_')))


def spectral():
    """Runs -> spectral.json."""
    opened = open_runs(FLAGS.load_dir, FLAGS.unfinished)
    path = output_path(FLAGS.working_dir, 'spectral.json', FLAGS.overwrite)
    radii = spectral_bounds.certified(FLAGS.bounds) if FLAGS.bounds else {}
    networks = []
    for network in opened:
        args = network.record['args']
        key = tuple(kind(args[name]) for name, kind in KEY_TYPES.items())
        networks.append(dict(spectral_bounds.spectral(network), certified=radii.get(key)))
        logging.info('%s: %s', network.run.path, ', '.join(
            '%s %.3g' % (layer['name'], layer['norm']) for layer in networks[-1]['layers']))
    write_analysis(path, {'networks': networks}, settings('bounds'))


COMMANDS = {'transfer': transfer, 'units': units, 'spectral': spectral}


def main():
    """The command that the first argument names."""
    check_choice('the first argument', COMMAND, COMMANDS)
    start_graph_mode()
    COMMANDS[COMMAND]()


if __name__ == '__main__':
    COMMAND = sys.argv.pop(1) if sys.argv[1:] and not sys.argv[1].startswith('-') else ''
    cli.run(main)
