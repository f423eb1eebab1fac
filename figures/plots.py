"""The curves: the training of a run and, for a report, how rho is distributed."""
import numpy as np

from experiments.names import defense_name
from figures.style import RHO, lines, panels, save_figure, styled

POINTS = 1001   # of a curve: more than a picture can show
TRAINING = (
    ('loss', {'loss': 'total', 'nll': 'NLL', 'critic_loss': 'critic', 'val_nll':
              'NLL, validation'}),
    ('error', {'err': 'training', 'val_err': 'validation', 'critic_err_real':
               'critic on clean images', 'critic_err_adv': 'critic on adversarial images'}),
    ('rho', {'rho': "training's attack", 'rho_adv': 'High-confidence (paper)',
             'rho_deepfool': 'DeepFool'}),
)


@styled
def plot_curves(rows, path):
    """Training curves from the rows of metrics.jsonl: losses, errors and rho against the epoch;
    pretraining ends at epoch 0.
    """
    first = 1 - sum(row.get('phase') == 'pretrain' for row in rows)
    drawn = [(title, metrics) for title, metrics in TRAINING
             if any(row.get(name) is not None for row in rows for name in metrics)]
    drawn = drawn or TRAINING[:1]
    figure, axes = panels(4 * len(drawn), 3, 1, len(drawn))
    for axis, (title, metrics) in zip(axes[0], drawn):
        looks = lines(list(metrics))
        for name, label in metrics.items():
            points = [(epoch, row[name])
                      for epoch, row in enumerate(rows, first)
                      if row.get(name) is not None]
            if points:
                axis.plot(*zip(*points), marker='.', markersize=4, label=label, **looks[name])
        axis.set_title(title if title != 'rho' else RHO)
        axis.set_xlabel('epoch' if first == 1 else 'epoch (pretraining ends at 0)')
        if axis.lines:
            axis.legend()
    figure.tight_layout()
    save_figure(figure, path)


def share_above(rho):
    """(values, shares): how many of the images [n] have a rho above each value, at most POINTS of
    them; an infinite one is above every value.
    """
    finite = np.sort(rho[np.isfinite(rho)])
    places = np.unique(np.linspace(0, len(finite), POINTS).astype(int))
    return np.concatenate([[0.], finite])[places], 1. - places / max(len(rho), 1)


@styled
def plot_rho(curves, title, path, right):
    """The share of images with rho above a value, up to `right`.

    curves: {name of a run: [array of rho, one a run]}, infinite where the attack failed; the runs
    are pooled.
    """
    figure, ((axis,),) = panels(5, 3.5)
    looks = lines(list(curves))
    for name, runs in curves.items():
        values, share = share_above(np.concatenate(runs))
        axis.step(np.append(values, max(right, values[-1])), np.append(share, share[-1]),
                  where='post', label=defense_name(name), **looks[name])
    axis.set_xlabel(RHO)
    axis.set_ylabel('share of images above')
    axis.set_title(title)
    axis.set_ylim(0, 1)
    axis.set_xlim(0, right)
    axis.legend()
    save_figure(figure, path)
