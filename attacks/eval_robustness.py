"""The upper bound that Hein & Andriushchenko's eval_robustness.py prints, image by image.

Its mean is over all test images, those that are misclassified included: the class to change is the
predicted one, whatever the label. So it is no upper bound on the distance to an error, and no other
table than that of the bounds takes it for one.
"""
from attacks.inputs import check_inputs
from attacks.linear_box import linear_box, norm_or_l1
from attacks.loop import SLOTS

HELP = {'ord': 'norm in which the perturbation is small: l1, l2 or linf'}


def eval_robustness(model, x, y=None, slots=SLOTS, *, ord: norm_or_l1 = 2):
    """linear_box from the class that the model predicts, linearised once, towards all other
    classes: the published attack. y is checked, and not used. Returns Adversarial.
    """
    check_inputs(model, x, y)
    return linear_box(model, x, None, slots, ord=ord, rounds=0)


def succeeded(y, clean, adversarial, **unused_settings):
    """Where another class is predicted than before: [n] bool."""
    return adversarial['pred'] != clean['pred']
