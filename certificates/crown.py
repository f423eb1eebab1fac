"""CROWN (Zhang et al., NeurIPS 2018): linear bounds of the margins on a ball, for networks of
ReLUs with dense, convolution and max-pool layers.
"""
import numpy as np

from certificates.radius import image_by_image, largest_radius, rivals_of
from certificates.relaxation import Ball, Relaxed, head_rows, lower_bounds, relax

CHUNK = 1   # images certified at a time: an image is work enough for every product
FLOOR = 1e-9   # a certified margin is above this share of the margin at the image
START = 0.25   # of the distance to the nearest boundary of the linearised network


def crown(network, x, *, box=False):
    """Certified of images x [n, ...] in float64: the largest radius at which CROWN's lower bound of
    every margin is above 0.

    The slope below an unsure ReLU is 1 where u >= -l, else 0 (the paper's adaptive choice). With
    `box` only perturbations that stay in [0, 1] count. Raises UserError for other activations.
    """
    network.check_relu('crown')
    return image_by_image(network, x, box, lambda *image: certify_image(network, box, *image))


def certify_image(network, box, image, values, predicted):
    """(radius, runner-up) of one image: its pixels, its values of Network.forward, its class."""
    ball = ball_of(network, image, box)
    rivals, rows = rivals_of(predicted, network.head.outputs)
    margins = rows @ values[-1]
    distance = np.min(margins / np.maximum(ball.falls(gradients(network, values, rows)), 1e-12))
    floor = FLOOR * margins.min()
    state = {'wider': None, 'at': np.inf, 'runner_up': rivals[margins.argmin()]}

    def bound_at(radius):
        wider = state['wider'] if radius < state['at'] else None
        (centre, falls), relaxed = linear_margins(network, ball, values, radius, rows, wider)
        found = centre - floor - radius * falls
        within = np.min((centre - floor) / np.maximum(falls, 1e-200))
        if found.min() <= 0:
            state.update(wider=relaxed, at=radius, runner_up=rivals[found.argmin()])
        return found.min(), within

    return largest_radius(bound_at, margins.min(), START * distance), state['runner_up']


def ball_of(network, image, box):
    """The Ball around an image; its `first`: how fast the first units can fall and rise."""
    ball = Ball(image, box)
    ball.first = ball.of_units(network.maps[0])
    return ball


def linear_margins(network, ball, values, radius, rows, wider=None):
    """Linear lower bounds of rows over the logits on the ball: their values at the image and how
    fast they fall, ([m], [m]), and the Relaxed stages.
    """
    relaxed = relax(network, ball, values, radius, wider)
    found = lower_bounds(relaxed, len(relaxed) - 1, *head_rows(network, relaxed, rows),
                         lambda a, constant: (a @ ball.image + constant, ball.falls(a)))
    return found, relaxed


def gradients(network, values, rows):
    """The gradients [m, inputs] of rows over the logits at the image."""
    relaxed = []
    for stage, z in zip(network.stages, values):   # at the image itself nothing is unsure
        relaxed.append(Relaxed(stage, z, z, relaxed[-1].active if relaxed else None))
    return lower_bounds(relaxed, len(relaxed) - 1, *head_rows(network, relaxed, rows),
                        lambda a, constant: a)
