"""Prints Table 1 from the results and writes it as Markdown, CSV and LaTeX, with the pictures; needs no TensorFlow."""
import os

from absl import flags

from utils import cli
from utils.errors import check
from utils.figures import plot_examples, plot_rho
from utils.files import atomic_write, make_folder
from utils.tables import TITLES, build_tables, collect_runs, latex, markdown, to_csv

FLAGS = flags.FLAGS

flags.DEFINE_string('results_dir', '.', 'folder with the test_<model> folders that test.py wrote')
flags.DEFINE_string('output_dir', None, 'folder of the report (default: <results_dir>/report)')
flags.DEFINE_boolean('published', False, 'add the published numbers and the differences to them')


def write_text(path, text):
    """Writes a text file, whole or not at all."""
    with atomic_write(path) as stream:
        stream.write(text)


def draw(runs, folder):
    """The pictures of a report: rho distributions and adversarial images, one of each for every model; returns their paths."""
    paths = []
    for dataset, model in sorted({(run.dataset, run.model) for run in runs}):
        chosen = [run for run in runs if (run.dataset, run.model) == (dataset, model)]
        label = '%s_%s' % (os.path.splitext(os.path.basename(dataset))[0], model)
        for attack in sorted({attack for run in chosen for attack in run.tables}):
            curves = {}
            for run in chosen:
                if attack in run.tables:
                    table = run.tables[attack]
                    counted = (table[attack + '_success'] == 1) | (table['pred'] != table['label'])
                    curves.setdefault(run.name, []).append(table[attack + '_rho'][counted])
            paths.append(os.path.join(folder, 'rho_%s_%s.png' % (label, attack)))
            plot_rho(curves, '%s, %s: %s' % (model, dataset, TITLES.get(attack, attack)), paths[-1])
        paths.append(os.path.join(folder, 'examples_%s.png' % label))
        plot_examples(chosen, paths[-1])
    return paths


def main():
    """Results -> table and pictures."""
    check(os.path.isdir(FLAGS.results_dir), '--results_dir is %s; there is no such folder', FLAGS.results_dir)
    runs = collect_runs(FLAGS.results_dir)
    check(runs, '--results_dir is %s; there is no summary.json of a test below it', FLAGS.results_dir)
    tables = build_tables(runs)
    folder = make_folder(FLAGS.output_dir or os.path.join(FLAGS.results_dir, 'report'))
    text = markdown(tables, FLAGS.published)
    write_text(os.path.join(folder, 'table.md'), text)
    write_text(os.path.join(folder, 'table.tex'), latex(tables, FLAGS.published))
    write_text(os.path.join(folder, 'table.csv'), to_csv(tables))
    print(text)
    for path in draw(runs, folder):
        print(path)


if __name__ == '__main__':
    cli.run(main)
