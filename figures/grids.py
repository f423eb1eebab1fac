"""Image grids, through torchvision."""
import io
import os
import subprocess
import sys

from utils.errors import RunError
from utils.files import atomic_write

import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def save_grids(paths, grids, columns=None):
    """Draws {name: images [n, h, w, 1 or 3] in [0, 1]} as grids, as square as can be by default,
    into the PNG files paths[name].

    Returns {name: PNG bytes}; raises RunError when torchvision fails.
    """
    drawn = draw(grids, columns)
    for name, png in drawn.items():
        with atomic_write(paths[name], 'wb') as stream:
            stream.write(png)
    return drawn


def draw(grids, columns=None):
    """{name: PNG bytes} of {name: images}, from figures.draw_grids in a process of its own."""
    stream = io.BytesIO()
    np.savez(stream, **grids)
    child = subprocess.run([sys.executable, '-m', 'figures.draw_grids',
                            str(columns or 0)], input=stream.getvalue(), cwd=ROOT,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           start_new_session=True)   # out of reach of Ctrl-C
    if child.returncode:
        lines = ['exit status %d' % child.returncode
                 ] + child.stderr.decode(errors='replace').splitlines()
        raise RunError('torchvision could not draw the image grids: %s' % lines[-1])
    with np.load(io.BytesIO(child.stdout), allow_pickle=False) as arrays:
        return {name: arrays[name].tobytes() for name in grids}
