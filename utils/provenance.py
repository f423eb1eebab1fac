"""What a result came from: package versions and the git revision."""
import os
import platform
import subprocess
import sys

PACKAGES = ('tensorflow', 'numpy', 'skimage', 'sklearn')   # those that a number can depend on


def provenance():
    """{'versions': package -> version, of those imported, 'git_revision': hash, '+' after it when
    files differ, None outside git}.
    """
    versions = {name: sys.modules[name].__version__ for name in PACKAGES if name in sys.modules}
    return {
        'versions': dict(versions, python=platform.python_version()),
        'git_revision': git_revision()
    }


def git_revision():
    """The revision of the repository that holds this file."""
    folder = os.path.dirname(os.path.abspath(__file__))

    def git(*arguments):
        return subprocess.check_output(('git', '-C', folder) + arguments,
                                       stderr=subprocess.DEVNULL).decode().strip()
    try:
        return git('rev-parse',
                   'HEAD') + ('+' if git('status', '--porcelain', '--untracked-files=no') else '')
    except (OSError, subprocess.CalledProcessError):
        return None
