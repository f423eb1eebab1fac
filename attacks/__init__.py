"""The attacks. Each is attack(model, x, y, *, hyper-parameters) -> Adversarial(x_adv, iterations,
success), built into the graph; what it takes is said in attacks/inputs.py.

model is any callable x [n, ...] -> logits [n, k]; y [n] holds the labels, by default the model's
predictions. Adding one: a file with its function and a line in ATTACKS.
"""
from attacks.boundary import boundary
from attacks.carlini import carlini_wagner
from attacks.contract import Adversarial
from attacks.ddn import ddn
from attacks.deepfool import deepfool
from attacks.ensemble import ensemble
from attacks.eval_robustness import eval_robustness
from attacks.fgsm import fgsm
from attacks.high_confidence import high_confidence
from attacks.lbfgs import lbfgs
from attacks.linear_box import linear_box
from attacks.nag import nag
from attacks.pgd import bim, pgd
from attacks.square import square
from attacks.wrappers import attack_arrays, in_bounds

__all__ = ['ATTACKS', 'Adversarial', 'attack_arrays', 'bim', 'boundary', 'carlini_wagner', 'ddn',
           'deepfool', 'ensemble', 'eval_robustness', 'fgsm', 'high_confidence', 'in_bounds',
           'lbfgs', 'linear_box', 'nag', 'pgd', 'square']

ATTACKS = {
    'deepfool': deepfool,
    'high_confidence': high_confidence,
    'carlini': carlini_wagner,
    'boundary': boundary,
    'fgsm': fgsm,
    'bim': bim,
    'pgd': pgd,
    'ddn': ddn,
    'square': square,
    'linear_box': linear_box,
    'lbfgs': lbfgs,
    'eval_robustness': eval_robustness,
    'ensemble': ensemble,
}
