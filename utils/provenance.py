"""What a result came from: package versions and the git revision."""
import os
import platform
import subprocess
import sys

VERSIONED = ('tensorflow', 'numpy', 'skimage', 'sklearn')   # those that a number can depend on

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The packages of the project, floor by floor: each imports only from lower floors and from itself.
FLOORS = (
    ('utils', 'experiments'),
    ('models', 'datasets', 'figures', 'certificates'),
    ('attacks', 'training'),
    ('critic', 'universal', 'evaluation'),
    ('defenses', 'reporting'),
)


def code_files():
    """The paths of the project's code, sorted: the entry scripts and every package, no tests."""
    folders = [''] + [package for floor in FLOORS for package in floor]
    paths = []
    for folder in (os.path.join(ROOT, name) for name in folders):
        names = os.listdir(folder) if os.path.isdir(folder) else ()
        paths += [os.path.join(folder, name) for name in names if name.endswith('.py')]
    return sorted(paths)


def provenance():
    """{'versions': package -> version, of those imported, 'git_revision': hash, '+' after it when
    files differ, None outside git}.
    """
    versions = {name: sys.modules[name].__version__ for name in VERSIONED if name in sys.modules}
    return {'versions': dict(versions, python=platform.python_version()),
            'git_revision': git_revision()}


def git_revision():
    """The revision of the repository that holds this file."""
    def git(*arguments):
        return subprocess.check_output(('git', '-C', ROOT) + arguments,
                                       stderr=subprocess.DEVNULL).decode().strip()

    try:
        changed = git('status', '--porcelain', '--untracked-files=no')
        return git('rev-parse', 'HEAD') + ('+' if changed else '')
    except (OSError, subprocess.CalledProcessError):
        return None
