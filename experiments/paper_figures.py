"""What Figures 1, 2 and 4 of the paper print: mean confidences."""
import math

CONFIDENT = 0.95   # of the adversarial images in Figures 1, 2 and 4c, at least
PUBLISHED = {
    1: {'original': 0.99, 'adversarial': 0.95},
    2: {'original': 0.99, 'adversarial': 0.95},
    4: {'original': 0.97, 'boundary': 0.34, 'confident': 0.98},
}


def enough_margin(num_classes):
    """The least margin in logits, log(19 (k - 1)), at which a class has a confidence of 95 %
    whatever the logits of the others below that margin are.
    """
    return math.log(CONFIDENT / (1 - CONFIDENT) * (num_classes - 1))
