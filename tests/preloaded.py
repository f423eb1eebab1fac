"""Runs the entry scripts in children forked from a process that has imported TensorFlow already,
and that draw no grid with PyTorch and no figure with matplotlib: a second each, not ten.

In a test: `with Preloaded(folder) as scripts: scripts.run('train.py', '--niter=1')`. As a program
it is that process.
"""
import functools
import gc
import importlib
import io
import json
import os
import runpy
import subprocess
import sys
import time
import types

from PIL import Image

# What the entry scripts import that takes time; utils first, as everywhere.
PRELOADED = ('training.session', 'attacks', 'critic', 'defenses', 'models', 'training.loop',
             'evaluation.judge', 'evaluation.certify', 'pages.html', 'reporting.tables',
             'skimage.metrics', 'skimage.transform', 'sklearn.datasets',
             'matplotlib.backends.backend_agg', 'matplotlib.backends.backend_svg')
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Started(object):
    """A script that was started: its pid, and the files that its output goes to."""

    def __init__(self, ask, pid, out, err):
        self._ask, self.pid, self._out, self._err = ask, pid, out, err

    def wait(self):
        """(exit status, negative for a signal; stdout; stderr) when it has ended."""
        status = self._ask({'wait': self.pid})
        return (status, ) + tuple(
            open(path, errors='replace').read() for path in (self._out, self._err))


class Preloaded(object):
    """The parent of the children; `folder` takes their output, `root` holds the program."""

    def __init__(self, folder, root=ROOT):
        self._folder, self._root, self._count = str(folder), str(root), 0

    def __enter__(self):
        program = os.path.join(self._root, 'tests', os.path.basename(__file__))
        self._process = subprocess.Popen([sys.executable, program], cwd=self._root,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         universal_newlines=True)
        return self

    def __exit__(self, *unused):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _ask(self, request):
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, *arguments):
        """Starts `python <arguments>`."""
        self._count += 1
        out, err = (os.path.join(self._folder, '%s-%d' % (name, self._count))
                    for name in ('out', 'err'))
        return Started(
            self._ask,
            self._ask({'start': [str(argument) for argument in arguments], 'out': out, 'err': err}),
            out, err)

    def run(self, *arguments):
        """Runs `python <arguments>`: (exit status, stdout, stderr)."""
        return self.start(*arguments).wait()


def first_images(grids, unused_columns=None):
    """For figures.grids.draw: the first image of each grid, at once; PyTorch takes five seconds to
    start.
    """
    drawn = {}
    for name, images in grids.items():
        stream = io.BytesIO()
        pixels = (255 * images[0]).round().astype('uint8')
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(stream, 'png')
        drawn[name] = stream.getvalue()
    return drawn


def one_pixel(unused_figure, path):
    """For figures.style.save_figure: its files, with a pixel in them."""
    for name in path, os.path.splitext(path)[0] + '.svg':
        Image.new('L', (1, 1)).save(name, 'png')


def look_at_signatures_once():
    """TensorFlow 1 looks at the signature of a Python function for each op that it builds, which
    takes a seventh of the time of tests/attacks/test_goals.py. Those of modules are kept, not those
    made in a call: they would hold their graphs.
    """
    inspect = importlib.import_module('tensorflow.python.util.tf_inspect')
    look = inspect.getfullargspec
    kept = functools.lru_cache(maxsize=None)(look)

    def getfullargspec(function):
        lasting = isinstance(function, types.FunctionType) and '<' not in function.__qualname__
        return (kept if lasting else look)(function)

    if importlib.import_module('tensorflow').__version__.startswith('1.'):
        inspect.getfullargspec = getfullargspec


def child(request):
    """Becomes the script."""
    for number, path in ((0, os.devnull), (1, request['out']), (2, request['err'])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), number)
    sys.argv = request['start']
    importlib.import_module('terminal.progress').ProgressBar.said = time.time()   # as if just begun
    status = 0
    try:
        runpy.run_path(sys.argv[0], run_name='__main__')
    except SystemExit as end:
        status = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def main():
    """Reads requests, a JSON object a line, and answers each with a line: the pid of a child, or
    its exit status.
    """
    sys.path.insert(0, ROOT)
    importlib.import_module('figures.style').save_figure = one_pixel   # before others import it
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module('figures.grids').draw = first_images
    look_at_signatures_once()
    gc.collect()
    gc.freeze()   # what all children share is neither looked through nor copied by each
    answers = os.fdopen(os.dup(1), 'w')
    for line in sys.stdin:
        request = json.loads(line)
        if 'start' in request:
            pid = os.fork()
            if pid == 0:
                child(request)
            answer = pid
        else:
            status = os.waitpid(request['wait'], 0)[1]
            answer = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        answers.write(json.dumps(answer) + '\n')
        answers.flush()


def wait_for(condition, seconds=120):
    """Waits until condition() holds; raises TimeoutError after so many seconds."""
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise TimeoutError('waited for %d seconds' % seconds)
        time.sleep(0.0002)


if __name__ == '__main__':
    main()
