"""The defenses. Each is a module with losses(parts, *, hyper-parameters) -> Losses; its first
arguments name the parts it uses.

Adding one: a file and a line in DEFENSES. train.py then has its hyper-parameters as flags, and
args.json records them.
"""
from utils.errors import check, check_choice
from utils.hyperparameters import keyword_only, positional, select
from utils.registry import registry

import attacks.unrolled
import critic as critic_part
from defenses import critic, fgsm_at, margin, none, pgd_at, vat

DEFENSES = registry(
    'defenses',
    ('none', none),
    ('fgsm_at', fgsm_at),
    ('vat', vat),
    ('margin', margin),
    ('pgd_at', pgd_at),
    ('critic', critic),
)

# Parts of a defense that have hyper-parameters of their own, and the functions that take them.
PARTS = {
    'attack': (attacks.unrolled, (attacks.unrolled.Generator,)),
    'critic': (critic_part, (critic_part.build_critic, critic_part.critic_learning_rate)),
}


def parts_of(name):
    """The parts that the losses of a defense ask for: some of model, attack, critic, x, y and
    noise.
    """
    return positional(DEFENSES[name].losses)


def hyperparameters(name):
    """Hyper-parameter -> (default, help), of the defense and of the parts that it uses."""
    sources = [(DEFENSES[name], (DEFENSES[name].losses, ))
               ] + [PARTS[part] for part in parts_of(name) if part in PARTS]
    return {
        key: (default, module.HELP[key])
        for module, functions in sources
        for function in functions
        for key, default in keyword_only(function).items()
    }


def resolve(name, given):
    """Every hyper-parameter of the defense: those `given` (name -> value), the defaults for the
    rest.

    Raises UserError for an unknown defense and for a hyper-parameter that the defense does not
    take.
    """
    check_choice('--defense', name, DEFENSES)
    known = hyperparameters(name)
    for key in sorted(given):
        check(key in known, '--%s is not a hyper-parameter of the defense %s; it takes %s', key,
              name, ', '.join(sorted(known)) or 'none')
    return {key: given.get(key, default) for key, (default, _) in known.items()}


def build_losses(name, values, **parts):
    """The Losses of a defense: its losses() called with the parts it names and its own
    hyper-parameters from `values`.
    """
    losses = DEFENSES[name].losses
    return losses(*(parts[part] for part in parts_of(name)), **select(losses, values))
