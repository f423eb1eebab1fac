"""What the first import of the project does, so that TensorFlow, imported later, keeps quiet."""
import contextlib
import importlib.machinery
import os
import sys
import tempfile
import types
import warnings

STDERR = 2   # the descriptor: compiled code prints there, past sys.stderr
QUIET = '3'   # of TF_CPP_MIN_LOG_LEVEL; less is for people who want to hear


def quieten_tensorflow():
    """Silences the start-up chatter of TensorFlow in a process that has not imported it yet."""
    warnings.filterwarnings('ignore', category=FutureWarning)
    level = os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', QUIET)
    if level == QUIET and 'tensorflow' not in sys.modules:
        sys.meta_path.insert(0, types.SimpleNamespace(find_spec=_find_spec))


@contextlib.contextmanager
def held_back():
    """Keeps what the block prints on stderr to itself, and prints it where the block raises."""
    try:
        stderr = os.dup(STDERR)
        held = tempfile.TemporaryFile()
    except OSError:   # stderr is closed, or there is no place to hold it
        yield
        return
    with held:
        os.dup2(held.fileno(), STDERR)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, STDERR)
            os.close(stderr)


def _find_spec(name, unused_path=None, unused_target=None):
    """A finder of modules that knows tensorflow alone, and holds back what its import prints.

    TensorFlow 2.21 logs six lines there, before it reads TF_CPP_MIN_LOG_LEVEL.
    """
    spec = importlib.machinery.PathFinder.find_spec(name) if name == 'tensorflow' else None
    if spec is None or spec.loader is None:
        return None
    load = spec.loader.exec_module

    def load_quietly(module):
        with held_back():
            load(module)
    spec.loader.exec_module = load_quietly
    return spec
