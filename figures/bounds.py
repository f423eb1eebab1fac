"""Certified and attacked accuracy against the radius."""
import numpy as np
from matplotlib.figure import Figure

from figures.plots import save_figure

COLUMNS = 3   # panels in a row


def plot_bounds(panels, path):
    """One panel a defense: {label: (certified [n], attacked [n] or None)}, radii within which an
    image is certified or could not be fooled, 0 for one that is misclassified.
    """
    rows = -(-len(panels) // COLUMNS)
    columns = min(len(panels), COLUMNS)
    figure = Figure(figsize=(3.6 * columns, 2.8 * rows))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    ends = [values[np.isfinite(values)].max() for pair in panels.values() for values in pair
            if values is not None and np.isfinite(values).any()]
    right = max(ends + [1e-3]) * 1.05
    for axis, (label, (certified, attacked)) in zip(axes, panels.items()):
        for values, name in ((attacked, 'attacked'), (certified, 'certified')):
            if values is not None:
                radius = np.sort(values[values > 0])
                share = np.arange(len(radius), -1, -1) / len(values)
                shown = np.minimum(np.concatenate([[0.], radius]), right)
                axis.step(shown, share, where='post', label=name)
        axis.set_title(label, fontsize=9)
        axis.set_xlim(0, right)
        axis.set_ylim(0, 1)
        axis.set_xlabel('l2 radius')
        axis.legend(fontsize=7)
    for axis in axes[len(panels):]:
        axis.axis('off')
    for axis in axes[::columns]:
        axis.set_ylabel('accuracy')
    save_figure(figure, path)
