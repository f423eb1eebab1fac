"""Prints Table 1 from the results and writes it as Markdown, CSV, LaTeX and HTML, with the
pictures; needs no TensorFlow.
"""
import os

from utils import cli
from utils.errors import check, check_choice
from utils.files import atomic_write, make_folder

from absl import flags

from experiments.tuning import choose, collect_candidates, tuning_markdown
from pages.html import page
from pages.paper_figures import draw_figure, figure_markdown
from pages.pictures import draw
from properties.layer_tables import write_spectral, write_units
from properties.transfer_tables import write_split, write_transfer
from reporting.bounds_table import write_bounds
from reporting.runs import collect_runs
from reporting.tables import all_columns, build_tables
from reporting.text import heading, latex, markdown, notes_of, to_csv
from reporting.universal import write_universal
from robustness.checks_table import write_checks
from robustness.ensemble_table import comparison_markdown, comparisons
from terminal.log import log_short_lines
from terminal.progress import ProgressBar

FLAGS = flags.FLAGS
WRITERS = {'bounds': write_bounds, 'checks': write_checks, 'nag': write_universal,
           'transfer': write_transfer, 'split': write_split, 'spectral': write_spectral,
           'units': write_units}

flags.DEFINE_string('results_dir', '.', 'folder with the test_<model> folders that test.py wrote')
flags.DEFINE_string('output_dir', None, 'folder of the report (default: <results_dir>/report)')
flags.DEFINE_enum('table', 'rho', ['rho'] + list(WRITERS), 'rho: Table 1; bounds: certified radii '
                  'beside the smallest perturbations that were found; checks: whether the gradient '
                  'is masked; nag: universal perturbations; transfer, split (networks trained on '
                  'halves), spectral, units: what analyze.py left in --results_dir')
flags.DEFINE_enum('figure', None, ('1', '2', '4'), 'draw a figure of the paper instead, from '
                  'Carlini-Wagner towards targets with a confidence, and for 4 without either')
flags.DEFINE_list('columns', '', 'columns of the table, such as error,deepfool_rho_median,'
                  'robust_1.5,margin; all: every one (default: those of Table 1)')
flags.DEFINE_boolean('published', False, 'add the published numbers and the differences to them')
flags.DEFINE_boolean('html', False, 'write report.html too, one page that stands alone')
flags.DEFINE_boolean(
    'validation', False,
    'compare training runs below --results_dir on their validation images instead, and choose')


def write_text(folder, name, text):
    """Writes a text file, whole or not at all."""
    with atomic_write(os.path.join(folder, name)) as stream:
        stream.write(text)


def chosen(table):
    """A Table with the columns that --columns names."""
    columns = FLAGS.columns or table.columns
    known = all_columns(table.columns)
    if columns == ['all']:
        columns = known
    for column in columns:
        check_choice('--columns', column, known)
    return table._replace(columns=columns)


def once(function):
    """The function of a Table, as a list, called once for each."""
    known = {}

    def remembered(table):
        if table.title not in known:
            known[table.title] = list(function(table))
        return known[table.title]
    return remembered


def report_folder():
    """Makes the folder of the report; returns its path."""
    return make_folder(FLAGS.output_dir or os.path.join(FLAGS.results_dir, 'report'))


def main():
    """Results -> table and pictures."""
    log_short_lines()
    check(os.path.isdir(FLAGS.results_dir), '--results_dir is %s; there is no such folder',
          FLAGS.results_dir)
    if FLAGS.validation:
        candidates = collect_candidates(FLAGS.results_dir)
        check(candidates, '--results_dir is %s; there is no finished run below it',
              FLAGS.results_dir)
        text = tuning_markdown(candidates, choose(candidates))
        write_text(make_folder(FLAGS.output_dir or FLAGS.results_dir), 'validation.md', text)
        print(text)
        return
    if FLAGS.table in WRITERS:
        print(WRITERS[FLAGS.table](FLAGS.results_dir, report_folder(), FLAGS.published))
        return
    runs = collect_runs(FLAGS.results_dir)
    check(
        runs,
        '--results_dir is %s; expected the results of tests in it, <test_...>/<run>/summary.json',
        FLAGS.results_dir)
    if FLAGS.figure:
        folder = report_folder()
        number = int(FLAGS.figure)
        text = figure_markdown(number, draw_figure(number, runs, folder))
        write_text(folder, 'figure_%d.md' % number, text + '\n')
        print(text)
        return
    tables = [chosen(table) for table in build_tables(runs)]
    folder = report_folder()
    notes, compared = once(notes_of), once(comparisons)
    text = markdown(tables, FLAGS.published, notes) + comparison_markdown(tables, compared)
    write_text(folder, 'table.md', text)
    write_text(folder, 'table.tex', latex(tables, FLAGS.published))
    write_text(folder, 'table.csv', to_csv(tables))
    sections = []
    with ProgressBar('drawing', len(tables)) as bar:
        for table in tables:
            say = lambda doing: bar.say('drawing %s: %s' % (heading(table), doing))
            sections.append((table, draw(table, folder, say)))
            bar.add(1)
    if FLAGS.html:
        write_text(folder, 'report.html', page(sections, FLAGS.published, compared, notes))
    print(text)
    print('table.md, table.csv, table.tex%s and the pictures are in %s' %
          (', report.html' * FLAGS.html, folder))


if __name__ == '__main__':
    cli.run(main)
