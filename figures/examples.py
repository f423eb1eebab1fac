"""Originals and their adversarial images, one column a class and one row a defense, labelled."""
import collections
import io

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from PIL import Image

from figures.style import BLACK, SIGNED, VERMILLION, panels, save_figure, styled

Example = collections.namedtuple('Example', 'image text alt failed')
Example.__doc__ = """An image [h, w, c] in [0, 1]; what stands over it; the same as a sentence;
whether the attack failed."""

Row = collections.namedtuple('Row', 'label examples')
Row.__doc__ = """The examples of one defense, or the originals."""


GAP = 0.08    # between images, of their width
OVER = 0.34   # above an image, for its text, of its height


def colours(image, scale=None):
    """An image [h, w, 1 or 3] in [0, 1], or with `scale` a difference [h, w] up to it, as [h, w, 3]
    in [0, 1].
    """
    if scale is not None:
        return ScalarMappable(Normalize(-scale, scale), SIGNED).to_rgba(image)[..., :3]
    return np.broadcast_to(np.clip(image, 0, 1), image.shape[:2] + (3,))


def perturbations(rows):
    """The same Rows with each image's difference to the original of the first Row, the mean over
    its channels, [h, w]; and the largest absolute value of any.
    """
    originals = [example.image for example in rows[0].examples]
    found = [Row(row.label, [example._replace(image=np.mean(example.image - x, axis=-1))
                             for example, x in zip(row.examples, originals)]) for row in rows[1:]]
    scale = max([np.abs(example.image).max() for row in found for example in row.examples] + [1e-6])
    return found, float(scale)


@styled
def plot_examples(rows, path, signed=False, title='', framed=()):
    """Draws Rows, the originals first; with `signed` the perturbations alone, on one scale.

    The attack's failures are framed; the text over an image says so too. So are, in black, the
    images whose (row, column) is in `framed`.
    """
    found, scale = perturbations(rows)
    shown = rows[:1] + found if signed else rows
    height, width = rows[0].examples[0].image.shape[:2]
    down, right = int(round(height * (1 + OVER))), int(round(width * (1 + GAP)))
    top = down - height
    columns = len(rows[0].examples)
    canvas = np.ones((down * len(shown), right * columns, 3))
    figure, ((axis,),) = panels(1.8 + 0.95 * columns, 1.22 * len(shown))
    for i, row in enumerate(shown):
        axis.text(-0.3 * width, down * i + top + height / 2, row.label.replace(
            ' adversarial', '\nadversarial'), ha='right', va='center', fontsize=10)
        for j, example in enumerate(row.examples):
            y, x = down * i + top, right * j
            canvas[y:y + height, x:x + width] = colours(example.image,
                                                        scale if signed and i else None)
            colour = VERMILLION if example.failed else BLACK
            axis.text(x + width / 2, y - 0.06 * height, example.text, ha='center', va='bottom',
                      fontsize=8, color=colour)
            if example.failed:
                axis.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour,
                                         linewidth=2.5))
            if (i, j) in framed:
                axis.add_patch(Rectangle((x - 1, y - 1), width + 2, height + 2, fill=False,
                                         linewidth=1.5, clip_on=False))
    axis.imshow(canvas, interpolation='nearest', extent=(0, canvas.shape[1], canvas.shape[0], 0))
    axis.axis('off')
    axis.set_title(title, fontsize=11)
    if signed:
        figure.colorbar(ScalarMappable(Normalize(-scale, scale), SIGNED), ax=axis, fraction=0.02,
                        pad=0.01, label='change of a pixel')
    save_figure(figure, path)


def tile(image, scale=None):
    """The PNG bytes of an image, see `colours`."""
    stream = io.BytesIO()
    Image.fromarray(np.uint8(np.round(255. * colours(image, scale)))).save(stream, 'png')
    return stream.getvalue()
