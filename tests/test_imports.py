"""The house: who may import whom, and how long a file, a function and a line may be."""
import ast
import os
import subprocess
import sys

from utils.code import FLOORS, code_files
from utils.hyperparameters import module_of

import pytest

from attacks import ATTACKS
from certificates import CERTIFICATES
from tests.running import ROOT

FLOOR = {package: floor for floor, packages in enumerate(FLOORS) for package in packages}
PATHS = sorted(os.path.relpath(path, ROOT) for path in code_files())
IN_PACKAGES = [path for path in PATHS if os.sep in path]
WITHOUT_TENSORFLOW = ['experiments', 'figures', 'reporting', 'pages', 'perception',
                      'terminal', 'certificates',
                      os.path.join('evaluation', 'results.py'),
                      os.path.join('robustness', 'compare.py'),
                      os.path.join('robustness', 'ensemble_table.py'),
                      os.path.join('robustness', 'checks_table.py'),
                      os.path.join('properties', 'transfer_tables.py'),
                      os.path.join('properties', 'layer_tables.py'),
                      os.path.join('utils', 'hyperparameters.py'), 'report.py',
                      'generate_script.py']


def every_python_file():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith('.')]
        for name in names:
            if name.endswith('.py'):
                yield os.path.relpath(os.path.join(folder, name), ROOT)


def source(path):
    with open(os.path.join(ROOT, path), encoding='utf-8') as stream:
        return stream.read()


def imported_packages(path):
    """The first words of everything that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(source(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, '%s: a relative import' % path
            names.add(node.module.split('.')[0])
    return names


@pytest.mark.parametrize('path', IN_PACKAGES)
def test_a_package_imports_only_from_lower_floors(path):
    home = path.split(os.sep)[0]
    for package in imported_packages(path) & set(FLOOR) - {home}:
        assert FLOOR[package] < FLOOR[home], '%s imports %s' % (path, package)


def test_nothing_imports_an_entry_script():
    scripts = {path[:-len('.py')] for path in PATHS if os.sep not in path}
    for path in IN_PACKAGES:
        assert not imported_packages(path) & (scripts - {'test'}), path


def test_every_package_has_a_floor():
    packages = {path.split(os.sep)[0] for path in every_python_file() if os.sep in path}
    assert packages - {'tests', 'benchmarks', 'docs'} <= set(FLOOR)


def test_what_makes_reports_imports_no_tensorflow():
    """A process that imports them must not have TensorFlow at its end."""
    paths = [path for path in PATHS if path.split(os.sep)[0] in WITHOUT_TENSORFLOW or
             path in WITHOUT_TENSORFLOW]
    paths.remove(os.path.join('figures', 'draw_grids.py'))   # PyTorch takes half a gigabyte
    paths.remove(os.path.join('perception', 'network.py'))   # a judge that is a run
    modules = [path[:-len('.py')].replace(os.sep, '.').replace('.__init__', '') for path in paths]
    assert len(modules) > 12
    scripts = [[name] for name in modules if name in ('report', 'generate_script')]
    for names in scripts + [[name for name in modules if [name] not in scripts]]:
        code = 'import importlib, sys\n'
        code += 'for name in %r: importlib.import_module(name)\n' % names
        code += "assert not {'tensorflow', 'torch'} & set(sys.modules)"
        subprocess.run([sys.executable, '-c', code], check=True, cwd=ROOT)


def test_attacks_know_no_training_and_training_no_attack():
    for path in IN_PACKAGES:
        home = path.split(os.sep)[0]
        allowed = {'attacks': {'utils', 'attacks'}}.get(home, set(FLOOR))
        if home == 'training':
            allowed = set(FLOOR) - {'attacks'}
        if home in ('reporting', 'pages') and 'evaluation' in imported_packages(path):
            assert 'from evaluation import' not in source(path)
        assert imported_packages(path) & set(FLOOR) <= allowed, path


@pytest.mark.parametrize('path', sorted(every_python_file()))
def test_files_functions_and_lines_are_short(path):
    lines = source(path).split('\n')
    assert len(lines) <= 251, '%d lines' % len(lines)
    for number, line in enumerate(lines, 1):
        assert len(line) <= 100, 'line %d' % number
    for node in ast.walk(ast.parse(source(path))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            last = max(getattr(child, 'lineno', 0) for child in ast.walk(node))
            assert last - node.lineno < 60, node.name


def test_packages_are_small():
    parts = {module_of(getattr(function, 'func', function)).__file__   # a file each: they may grow
             for registry in (ATTACKS, CERTIFICATES) for function in registry.values()}
    size = {package: 0 for package in FLOOR}
    for path in IN_PACKAGES:
        if os.path.join(ROOT, path) not in parts:
            size[path.split(os.sep)[0]] += source(path).count('\n')
    assert size['utils'] <= 650
    assert max(size.values()) <= 1100, size


def test_the_linter_is_asked_to_look_away_nowhere():
    mark = 'no' + 'qa'
    for path in every_python_file():
        assert mark not in source(path), path
