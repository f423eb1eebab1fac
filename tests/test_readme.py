"""What the README says is so."""
import os
import re

from utils.code import FLOORS

import pytest

from tests.running import ROOT, run_script

PAGES = {name: open(os.path.join(ROOT, name)).read() for name in
         ('README.md', 'docs/paper.md', 'docs/runs.md', 'docs/sweeps.md', 'docs/networks.md',
          'docs/certificates.md', 'docs/attacks.md', 'docs/cross_lipschitz.md', 'docs/nag.md',
          'docs/properties.md', 'docs/intriguing.md', 'docs/annotation.md')}
README = PAGES['README.md']


@pytest.mark.parametrize('page,blocks', [('README.md', 1), ('docs/attacks.md', 3)])
def test_its_lines_of_code_run(tmp_path, page, blocks):
    code = re.findall(r'```python\n(.*?)```', PAGES[page], re.S)
    assert len(code) == blocks
    code = ''.join(code)
    script = tmp_path / 'lines.py'
    script.write_text(code)
    status, _, err = run_script(str(script), env=dict(os.environ, PYTHONPATH=ROOT))
    assert status == 0, err


def test_nothing_is_left_to_be_filled_in():
    assert '@@' not in README + open(os.path.join(ROOT, 'benchmarks', 'README.md')).read()


def test_it_is_short():
    assert README.count('\n') <= 120


@pytest.mark.parametrize('page', sorted(PAGES))
def test_its_links_lead_somewhere(page):
    links = re.findall(r'\]\(([^)#]+)\)', PAGES[page])
    for link in links:
        if not link.startswith('http'):
            assert os.path.exists(os.path.join(ROOT, os.path.dirname(page), link)), link


def test_the_files_that_it_names_exist():
    packages = {package for floor in FLOORS for package in floor}
    folders = '|'.join(sorted(packages | {'docs', 'results', 'benchmarks'}))
    named = re.findall(r'`((?:%s)/[\w./]*\w)`' % folders, ''.join(PAGES.values()))
    assert len(named) > 15
    for path in named:
        assert os.path.exists(os.path.join(ROOT, path)), path


def test_the_functions_that_it_maps_to_the_paper_exist():
    tables = [page[page.index('## The paper in the code'):page.index(after)]
              for page, after in ((PAGES['docs/paper.md'], '## How the equations'),
                                  (PAGES['docs/cross_lipschitz.md'], '## The forms of'),
                                  (PAGES['docs/nag.md'], '## The losses'))]
    table = ''.join(tables)
    names = set(re.findall(r'`(\w+)`', table))
    source = ''.join(open(os.path.join(folder, name)).read() for folder, _, files in os.walk(ROOT)
                     if '.venv' not in folder for name in files if name.endswith('.py'))
    assert {'critic_loss', 'generate', 'straight_through_indicator'} <= names
    for name in names:
        assert re.search(r'(def %s\(|class %s\(|^%s = )' % (name, name, name), source, re.M), name


def test_the_recorded_choice_is_what_its_command_prints(tmp_path):
    folder = os.path.join(ROOT, 'results', 'tuning')
    status, out, err = run_script('report.py', '--validation', '--results_dir=' + folder,
                                  '--output_dir=' + str(tmp_path))
    assert status == 0, err
    assert (tmp_path / 'validation.md').read_text() == open(os.path.join(folder,
                                                                         'validation.md')).read()


def test_the_sweep_uses_the_learning_rates_that_were_chosen():
    from experiments.table1 import HYPERPARAMETERS
    from experiments.tuning import choose, collect_candidates
    candidates = collect_candidates(os.path.join(ROOT, 'results', 'tuning'))
    chosen = {c[1:3]: c.lr for c in candidates if choose(candidates)[c[:3]] == c.name}
    assert len(chosen) == 8
    for (model, defense), lr in chosen.items():
        settings = dict(HYPERPARAMETERS[defense].get('*', {}),
                        **HYPERPARAMETERS[defense].get(model, {}))
        assert settings['lr'] == lr, (model, defense)


@pytest.mark.parametrize('folder,rows,pages', [
    ('table1', 11, ['README.md', 'results/table1/README.md']),
    ('ensemble', 70, ['results/ensemble/README.md']),
    ('short', 10, ['results/short/README.md']),
    ('epochs_30', 3, ['results/README.md']),
    ('epochs_100', 1, ['results/README.md']),
    ('checks', 21, ['results/README.md']),
    ('hc_epsilon', 8, ['results/README.md']),
])
def test_the_recorded_tables_are_what_their_commands_print(tmp_path, folder, rows, pages):
    arguments = [
        'report.py', '--results_dir=' + os.path.join(ROOT, 'results', folder),
        '--output_dir=' + str(tmp_path)
    ]
    beside = [] if folder in ('checks', 'hc_epsilon') else ['--published']
    status, out, err = run_script(*(arguments + beside))
    assert status == 0, err
    lines = [line for line in out.splitlines() if line.startswith('|')]
    assert len([line for line in lines if not line.startswith(('|---', '| Defense'))]) == rows
    for page in pages:
        recorded = open(os.path.join(ROOT, page)).read()
        assert all(line in recorded for line in lines), page


@pytest.mark.parametrize('name,count', [('table1', 40), ('cross_lipschitz', 109)])
def test_the_recorded_bounds_are_what_their_command_prints(tmp_path, name, count):
    """Read anew, image by image: no certificate is above an attack."""
    folder = os.path.join(ROOT, 'results', name)
    status, out, err = run_script('report.py', '--results_dir=' + folder, '--table=bounds',
                                  '--published', '--output_dir=' + str(tmp_path))
    assert status == 0, err
    lines = [line for line in out.splitlines() if line.startswith('|')]
    page = open(os.path.join(folder, 'README.md')).read()
    assert len(lines) >= count and all(line in page for line in lines)
