"""The figures: training curves of a run and, for a report, rho distributions and images side by
side.
"""
import os

from utils.errors import UserError
from utils.files import atomic_write

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread


def save_figure(figure, path):
    """Writes a figure as PNG."""
    with atomic_write(path, 'wb') as stream:
        figure.savefig(stream, format='png', dpi=110, bbox_inches='tight')


def plot_curves(rows, path):
    """Training curves from the rows of metrics.jsonl: losses, errors and rho against the epoch;
    pretraining ends at epoch 0.
    """
    first = 1 - sum(row.get('phase') == 'pretrain' for row in rows)
    panels = (('loss', ('loss', 'nll', 'critic_loss', 'val_nll')),
              ('error', ('err', 'val_err', 'critic_err_real',
                         'critic_err_adv')), ('rho', ('rho', 'rho_adv', 'rho_deepfool')))
    figure = Figure(figsize=(4 * len(panels), 3))   # without pyplot: no display is needed
    axes = figure.subplots(1, len(panels))
    for axis, (title, names) in zip(axes, panels):
        for name in names:
            points = [(epoch, row[name])
                      for epoch, row in enumerate(rows, first)
                      if row.get(name) is not None]
            if points:
                axis.plot(*zip(*points), marker='.', label=name)
        axis.set_title(title)
        axis.set_xlabel('epoch' if first == 1 else 'epoch (pretraining ends at 0)')
        axis.legend(fontsize=7)
    save_figure(figure, path)


def plot_rho(curves, title, path):
    """The share of images with rho above a value: `curves` is {label: [array of rho, one a run]};
    the runs are pooled.
    """
    figure = Figure(figsize=(5, 3.5))
    axis = figure.subplots()
    for label, runs in curves.items():
        rho = np.sort(np.concatenate(runs))
        axis.step(np.concatenate([[0.], rho]), 1. - np.arange(len(rho) + 1) / max(len(rho), 1),
                  where='post', label=label)
    axis.set_xlabel(r'$\rho = \|r\|_2\,/\,\|x\|_2$')
    axis.set_ylabel('share of images above')
    axis.set_title(title)
    axis.set_ylim(0, 1)
    axis.set_xlim(left=0)
    axis.legend()
    save_figure(figure, path)


def read_png(path):
    """The pixels of a PNG file; raises UserError for a damaged one."""
    try:
        return imread(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError('%s: not a readable PNG file: %s' % (path, error))


def plot_examples(run, path):
    """The sample grids of a run side by side: the originals, then the images of every attack; False
    if there are none.
    """
    folders = {'orig': next(iter(run.folders.values())), **run.folders}
    files = {
        picture: os.path.join(folder, 'samples', picture + '.png')
        for picture, folder in folders.items()
    }
    files = {picture: file for picture, file in files.items() if os.path.exists(file)}
    if files:
        figure = Figure(figsize=(3 * len(files), 3.3))
        axes = figure.subplots(1, len(files), squeeze=False)
        for axis, (picture, file) in zip(axes[0], files.items()):
            axis.imshow(read_png(file), cmap='gray')
            axis.set_title(picture, fontsize=9)
            axis.axis('off')
        save_figure(figure, path)
    return bool(files)
