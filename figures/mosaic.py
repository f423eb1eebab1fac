"""Many images as one picture, several such pictures side by side."""
import math

import numpy as np

from figures.examples import colours
from figures.style import panels, save_figure, styled

SIDE = 4.2    # inches of a picture
GAP = 0.04    # between two, of their width
OVER = 0.2    # above them, for the words


def mosaic(images):
    """Images [n, h, w, 1 or 3] in [0, 1] as one [H, W, 3], as square as can be, on grey."""
    n, height, width, _ = images.shape
    columns = int(math.ceil(math.sqrt(n)))
    rows = -(-n // columns)
    canvas = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, 3), 0.5)
    for place, image in enumerate(images):
        y, x = place // columns * (height + 1), place % columns * (width + 1)
        canvas[y:y + height, x:x + width] = colours(image)
    return canvas


@styled
def plot_mosaics(parts, title, path):
    """Draws [(title, images)] side by side, under one title."""
    figure, axes = panels(SIDE * len(parts) * (1 + GAP), SIDE * (1 + OVER), 1, len(parts))
    figure.subplots_adjust(0, 0, 1, 1 / (1 + OVER), wspace=GAP)
    for axis, (words, images) in zip(axes[0], parts):
        axis.imshow(mosaic(images), interpolation='nearest')
        axis.set_title(words)
        axis.axis('off')
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)
