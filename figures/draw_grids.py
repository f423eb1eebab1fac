"""Draws image grids: a program that reads {name: images} as .npz from its input and writes {name:
PNG bytes} as .npz.

Run by figures.grids in a process of its own: PyTorch takes half a GB, and its triton and TensorFlow
2.21, each with an LLVM of its own, crash a process that imports both.
"""
import io
import math
import sys

import torch
import torchvision.utils

import numpy as np


def grid_png(images, columns=None):
    """Images [n, h, w, 1 or 3] in [0, 1] as the PNG bytes of a grid, as square as can be by
    default.
    """
    stream = io.BytesIO()
    nchw = torch.from_numpy(np.ascontiguousarray(np.transpose(images, (0, 3, 1, 2))))
    torchvision.utils.save_image(nchw, stream, nrow=columns or
                                 int(math.ceil(math.sqrt(len(images)))), pad_value=0.5,
                                 format='png')
    return stream.getvalue()


def main():
    """The first argument is the number of columns, 0 for a square."""
    columns = int(sys.argv[1])
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as grids:
        drawn = {name: np.frombuffer(grid_png(grids[name], columns), np.uint8) for name in grids}
    stream = io.BytesIO()
    np.savez(stream, **drawn)
    sys.stdout.buffer.write(stream.getvalue())


if __name__ == '__main__':
    main()
