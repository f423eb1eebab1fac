"""What is known of a network's units on a ball around an image: CROWN's linear bounds.

Zhang et al., Efficient neural network robustness certification with general activation functions,
NeurIPS 2018. A function of the outputs is followed backwards to the image; on the way each ReLU is
replaced by a line below or above it, whichever the sign of its coefficient asks for.
"""
import numpy as np

WORK = 1 << 22   # numbers that one product of the backward pass makes, at most
TINY = 1e-300   # in place of a denominator that is 0


class Ball(object):
    """The l2 ball around an image [d], with `box` only the part of it in [0, 1]^d.

    A pixel at 0 can only rise and one at 1 only fall, so some entries of a gradient cannot matter.
    """

    def __init__(self, image, box):
        self.image, self._box = image, box
        self._top = np.where(image <= 0, 0., np.inf)
        self._bottom = np.where(image >= 1, 0., -np.inf)

    def falls(self, rows):
        """How fast functions with gradients rows [m, d] can fall, for each unit of radius: [m]."""
        if self._box:
            rows = np.clip(rows, self._bottom, self._top)
        return np.sqrt(np.einsum('ij,ij->i', rows, rows))

    def of_units(self, first):
        """How fast the outputs of the first linear map can fall and rise: two [outputs]."""
        at_0 = (self._top == 0.) if self._box else np.zeros(first.inputs, bool)
        at_1 = (self._bottom == 0.) if self._box else at_0
        parts = ((np.square, ~at_0 & ~at_1), (lambda w: np.minimum(w, 0) ** 2, at_0),
                 (lambda w: np.maximum(w, 0) ** 2, at_1))
        return [np.sqrt(sum(first.of(lambda w: squares(sign * w)).forward(pixels[None] * 1.)[0]
                            for squares, pixels in parts if pixels.any())) for sign in (1, -1)]


class Relaxed(object):
    """A hidden stage whose units before the activation lie in [low, high].

    active: the units that are not off, or None where all are kept; unsure: those whose part in the
    network is not settled. After pooling, a window counts as one unit.
    """

    def __init__(self, stage, low, high, inputs):
        self.low, self.high = low, high
        self.active = None
        self.windows = stage.windows
        if stage.windows is None:
            self._relax_units(stage, inputs)
        else:
            self._relax_windows(stage, inputs)

    def _relax_units(self, stage, inputs):
        """Lines below and above relu(z): alpha z and s (z - l); the centre and the radius of its
        slopes.
        """
        self.unsure = np.flatnonzero((self.low < 0) & (self.high > 0))
        if stage.map.shape is None:
            self.active = np.flatnonzero(self.high > 0)
        kept = slice(None) if self.active is None else self.active
        low, high = self.low[kept], self.high[kept]
        unsure = (low < 0) & (high > 0)
        on = (low >= 0) * 1.
        self._above = np.where(unsure, high / np.maximum(high - low, TINY), on)
        self._below = np.where(unsure, high >= -low, on)
        self._shift = np.where(unsure, -self._above * low, 0.)
        self.spread = 0.5 * unsure
        self._centre = on + self.spread
        self.map = stage.map.restrict(inputs, self.active)

    def _relax_windows(self, stage, inputs):
        """The same of max(0, z_1, ..): above, a line on the unit with the largest bound; below, one
        of the units or 0.
        """
        low, high = self.low[stage.windows], self.high[stage.windows]
        rows = np.arange(len(low))
        largest = high.argmax(axis=1)
        others = high.copy()
        others[rows, largest] = -np.inf
        floor = np.maximum(low.max(axis=1), 0)
        base = np.maximum(floor, others.max(axis=1))
        top, bottom = high[rows, largest], low[rows, largest]
        settled = (bottom >= floor) & (base <= bottom)   # the largest wins, and is on
        slope = np.maximum(top - base, 0) / np.maximum(top - bottom, TINY)
        self._above = np.where(settled, 1., slope)
        self._shift = np.where(settled, 0., base - self._above * bottom)
        self._upper_unit = stage.windows[rows, largest]
        middle = np.where(settled, largest, (low + high).argmax(axis=1))
        self._lower_unit = stage.windows[rows, middle]
        self._below = np.where(settled, 1., low[rows, middle] + high[rows, middle] >= 0)
        may_win = (high >= floor[:, None]) & (high > 0)
        count = may_win.sum(axis=1)
        several = np.where(count > 1, np.sqrt(1. - 1. / np.maximum(count, 1)), 0.5 * count)
        self.spread = np.where(settled, 0., several)
        self._centre = np.where(settled[:, None], np.arange(low.shape[1]) == largest[:, None],
                                may_win / np.maximum(count, 2)[:, None])
        self.unsure = stage.windows[may_win & (self.spread > 0)[:, None]]
        self.map = stage.map.restrict(inputs, None)

    def below(self, rows):
        """Lower bounds of functions of the outputs: rows [m, outputs] -> (rows over the units
        before the activation, what is to be added [m]).
        """
        positive = np.maximum(rows, 0)
        negative = rows - positive
        shift = negative @ self._shift
        if self.windows is None:
            positive *= self._below
            negative *= self._above
            positive += negative
            return positive, shift
        units = np.zeros((len(rows), self.map.outputs))
        units[:, self._lower_unit] = positive * self._below
        units[:, self._upper_unit] += negative * self._above
        return units, shift

    def centre(self, rows):
        """Rows over the outputs, through the centre of the activation's derivatives."""
        if self.windows is None:
            return rows * self._centre
        units = np.zeros((len(rows), self.map.outputs))
        for place in range(self.windows.shape[1]):
            units[:, self.windows[:, place]] = rows * self._centre[:, place]
        return units


def lower_bounds(relaxed, stage, rows, constant, fall):
    """Linear lower bounds of rows over the outputs of a stage (of the image, for stage -1), plus
    `constant` [m]: what fall(rows over the image, constant) makes of them.
    """
    for known in reversed(relaxed[:stage + 1]):
        rows, shift = known.below(rows)
        constant = constant + shift + known.map.constant(rows)
        rows = known.map.backward(rows)
    return fall(rows, constant)


def relax(network, ball, values, radius, wider=None):
    """A Relaxed for each hidden stage on the ball of this radius; values: those of Network.forward
    at the image.

    wider: the same at a larger radius; units that are settled there are so here, and are not looked
    at again.
    """
    relaxed = []
    step = max(1, WORK // max(m.work for m in network.maps))

    def fall(rows, constant):
        return rows @ ball.image + constant - radius * ball.falls(rows)

    for k, stage in enumerate(network.stages):
        inputs = relaxed[-1].active if relaxed else None
        if k == 0:
            down, up = ball.first
            low, high = values[0] - radius * down, values[0] + radius * up
        else:
            low = np.zeros(stage.map.outputs) if wider is None else wider[k].low.copy()
            high = np.zeros(stage.map.outputs) if wider is None else wider[k].high.copy()
            pending = np.arange(stage.map.outputs) if wider is None else wider[k].unsure
            for chosen in np.split(pending, range(step, len(pending), step)):
                if len(chosen):
                    rows = stage.map.units(chosen, inputs)
                    bias = stage.map.bias[chosen]
                    found = lower_bounds(relaxed, k - 1, np.concatenate([rows, -rows]),
                                         np.concatenate([bias, -bias]), fall)
                    low[chosen], high[chosen] = found[:len(chosen)], -found[len(chosen):]
        relaxed.append(Relaxed(stage, low, high, inputs))
    return relaxed


def head_rows(network, relaxed, rows):
    """Rows over the logits as rows over the active outputs of the last stage, and their constant.
    """
    inputs = relaxed[-1].active if relaxed else None
    return network.head.restrict(inputs, None).backward(rows), network.head.constant(rows)
