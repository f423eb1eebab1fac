"""One look for every picture: colours that people with a colour vision deficiency tell apart
(Okabe and Ito 2008), and a line style for each, so that a picture in grey can be read too.
"""
import io
import os

from utils.files import atomic_write

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

BLACK, ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE, GREY = (
    '#000000', '#E69F00', '#56B4E9', '#009E73', '#0072B2', '#D55E00', '#CC79A7', '#555555')
MARGIN = 0.1   # inches around a picture
SIGNED = 'RdBu_r'   # colours of a number with a sign: red above zero, blue below
RHO = r'$\rho = \Vert r \Vert_2 \,/\, \Vert x \Vert_2$'   # eq. 8

# Colour and line style of what has a name; the paper's own defense and attack are drawn stronger.
LOOKS = {
    'none': (BLACK, ':'), 'fgsm_at': (ORANGE, '--'), 'vat': (SKY, '-.'),
    'margin': (GREEN, (0, (5, 1))), 'pgd_at': (PURPLE, (0, (3, 1, 1, 1))),
    'critic': (VERMILLION, '-'),
    'deepfool': (BLUE, '--'), 'carlini': (GREEN, '-.'), 'high_confidence': (VERMILLION, '-'),
}
STRONG = ('critic', 'high_confidence')
# For those without a name here, in turn.
OTHERS = ((BLUE, '-'), (ORANGE, '--'), (GREEN, '-.'), (PURPLE, ':'), (SKY, (0, (5, 1))),
          (GREY, (0, (3, 1, 1, 1))), (BLACK, '-'))

SETTINGS = {
    'font.family': 'DejaVu Sans', 'font.size': 9, 'axes.titlesize': 10, 'legend.fontsize': 8,
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True, 'grid.alpha': 0.3,
    'legend.frameon': False, 'figure.facecolor': 'white', 'savefig.facecolor': 'white',
    'svg.hashsalt': 'adversary critic',   # the same picture is the same file
}


def line(name, place=0):
    """How the line of `name` is drawn, as keywords of plot; `place` is its number among those
    without a look of their own.
    """
    colour, style = LOOKS.get(name) or OTHERS[place % len(OTHERS)]
    return {'color': colour, 'linestyle': style, 'linewidth': 2.6 if name in STRONG else 1.5,
            'zorder': 3 if name in STRONG else 2}


def lines(names):
    """{name: keywords of plot} of the lines of one picture."""
    unknown = [name for name in names if name not in LOOKS]
    return {name: line(name, unknown.index(name) if name in unknown else 0) for name in names}


styled = matplotlib.rc_context(SETTINGS)   # decorates every function that draws


def panels(width, height, rows=1, columns=1, **shared):
    """A Figure of so many inches and its axes [rows, columns]; without pyplot, which wants a
    display.
    """
    figure = Figure(figsize=(width, height))
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


@styled
def save_figure(figure, path):
    """Writes a figure as the PNG file `path`, grey where it has no colour, and as SVG beside it."""
    tight = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer()).padded(MARGIN)
    with atomic_write(os.path.splitext(path)[0] + '.svg', 'wb') as stream:
        figure.savefig(stream, format='svg', bbox_inches=tight, metadata={'Date': None})
    drawn = io.BytesIO()
    figure.savefig(drawn, format='png', dpi=110, bbox_inches=tight)
    image = Image.open(drawn).convert('RGB')
    red, green, blue = (channel.tobytes() for channel in image.split())
    with atomic_write(path, 'wb') as stream:
        (image.convert('L') if red == green == blue else image).save(stream, 'png')
