"""What a result came from: package versions and the git revision."""
import platform
import subprocess
import sys

from utils.code import ROOT

VERSIONED = ('tensorflow', 'numpy', 'skimage', 'sklearn')   # those that a number can depend on


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
