"""The defenses. Each is a module with losses(parts, *, hyper-parameters) -> Losses; its first
arguments name the parts it uses.

Adding one: a file and a line in DEFENSES. train.py then has its hyper-parameters as flags, and
args.json records them.
"""
from utils import hyperparameters
from utils.errors import check, check_choice
from utils.hyperparameters import positional, select

from attacks.unrolled import UnrolledAttack
from critic import build_critic, critic_learning_rate
from defenses import (
    critic,
    cross_lipschitz,
    fgsm_at,
    lbfgs_pool,
    linear_box_at,
    margin,
    nag_at,
    none,
    pgd_at,
    vat,
)
from models.generator import Generator
from universal.nag import generator_optimizer

DEFENSES = {
    'none': none,
    'fgsm_at': fgsm_at,
    'vat': vat,
    'margin': margin,
    'pgd_at': pgd_at,
    'critic': critic,
    'cross_lipschitz': cross_lipschitz,
    'linear_box_at': linear_box_at,
    'lbfgs_pool': lbfgs_pool,
    'nag_at': nag_at,
}

# Parts of a defense that have hyper-parameters of their own: the functions that take them.
PARTS = {
    'attack': (UnrolledAttack,),
    'critic': (build_critic, critic_learning_rate),
    'generator': (Generator, generator_optimizer),
}


def parts_of(name):
    """The parts that the losses of a defense ask for: some of model, attack, critic, generator, x,
    y and noise.
    """
    return positional(DEFENSES[name].losses)


def takers_of(name):
    """{hyper-parameter: Taker} of a defense and of the parts that it uses."""
    found = hyperparameters.takers(name, DEFENSES[name].losses)
    for part in parts_of(name):
        for function in PARTS.get(part, ()):
            found.update(hyperparameters.takers(name, function))
    return found


def takers():
    """{flag: [Taker]} of all defenses: a hyper-parameter's flag is its name."""
    found = {}
    for name in DEFENSES:
        for key, taker in takers_of(name).items():
            found.setdefault(key, []).append(taker)
    return found


def resolve(name, given):
    """Every hyper-parameter of the defense: those `given` (name -> value), the defaults for the
    rest.

    Raises UserError for an unknown defense and for a hyper-parameter that the defense does not
    take.
    """
    check_choice('--defense', name, DEFENSES)
    known = takers_of(name)
    for key in sorted(given):
        check(key in known, '--%s is not a hyper-parameter of the defense %s; it takes %s', key,
              name, ', '.join(sorted(known)) or 'none')
    return {key: given.get(key, taker.default) for key, taker in known.items()}


def build_losses(name, values, **parts):
    """The Losses of a defense: its losses() called with the parts it names and its own
    hyper-parameters from `values`.
    """
    losses = DEFENSES[name].losses
    return losses(*(parts[part] for part in parts_of(name)), **select(losses, values))
