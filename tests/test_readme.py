"""What the README says is so."""
import os
import re

from tests.conftest import ROOT, run_script

README = open(os.path.join(ROOT, 'README.md')).read()


def test_the_ten_lines_run(tmp_path):
    code = re.search(r'```python\n(.*?)```', README, re.S).group(1)
    script = tmp_path / 'ten_lines.py'
    script.write_text(code)
    status, _, err = run_script(str(script), env=dict(os.environ, PYTHONPATH=ROOT))
    assert status == 0, err


def test_nothing_is_left_to_be_filled_in():
    assert '@@' not in README + open(os.path.join(ROOT, 'benchmarks', 'README.md')).read()


def test_the_files_that_it_names_exist():
    named = re.findall(r'`((?:attacks|critic|defenses|models|utils|docs|results)/[\w./]*\w)`', README)
    assert len(named) > 15
    for path in named:
        assert os.path.exists(os.path.join(ROOT, path)), path


def test_the_functions_that_it_maps_to_the_paper_exist():
    table = README[README.index('## The paper in the code'):README.index('## Attack a classifier')]
    names = set(re.findall(r'`(\w+)`', table))
    source = ''.join(open(os.path.join(folder, name)).read() for folder, _, files in os.walk(ROOT)
                     if '.venv' not in folder for name in files if name.endswith('.py'))
    assert {'critic_loss', 'generate', 'straight_through_indicator'} <= names
    for name in names:
        assert 'def %s(' % name in source, name
