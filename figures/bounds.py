"""Certified and attacked accuracy against the radius."""
import numpy as np

from experiments.names import defense_name
from figures.style import BLUE, VERMILLION, panels, save_figure, styled

COLUMNS = 3   # panels in a row
LOOKS = {'attacked': {'color': VERMILLION, 'linestyle': '--'},
         'certified': {'color': BLUE, 'linestyle': '-'}}


@styled
def plot_bounds(curves, path):
    """One panel a defense: {label: (certified [n], attacked [n] or None)}, radii within which an
    image is certified or could not be fooled, 0 for one that is misclassified.
    """
    rows = -(-len(curves) // COLUMNS)
    columns = min(len(curves), COLUMNS)
    figure, axes = panels(3.6 * columns, 2.8 * rows, rows, columns, sharex=True, sharey=True)
    axes = axes.ravel()
    ends = [values[np.isfinite(values)].max() for pair in curves.values() for values in pair
            if values is not None and np.isfinite(values).any()]
    right = max(ends + [1e-3]) * 1.05
    for axis, (label, (certified, attacked)) in zip(axes, curves.items()):
        for values, name in ((attacked, 'attacked'), (certified, 'certified')):
            if values is not None:
                radius = np.sort(values[values > 0])
                share = np.arange(len(radius), -1, -1) / len(values)
                shown = np.minimum(np.concatenate([[0.], radius]), right)
                axis.step(shown, share, where='post', label=name, **LOOKS[name])
        axis.set_title(defense_name(label))
        axis.set_xlim(0, right)
        axis.set_ylim(0, 1)
        axis.set_xlabel(r'$\ell_2$ radius')
        axis.legend()
    for axis in axes[len(curves):]:
        axis.axis('off')
    for axis in axes[::columns]:
        axis.set_ylabel('accuracy')
    save_figure(figure, path)
