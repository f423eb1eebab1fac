"""Which attacks a test runs, and towards which classes."""
from utils.errors import check, check_choice
from utils.hyperparameters import positional

from attacks import ATTACKS
from attacks.ensemble import MEMBER_FLAGS, with_members
from evaluation.attack_flags import resolve
from evaluation.judge import Chosen


def choose(names, given, targets=None):
    """{name in the results: Chosen} of the attacks `names`, the members of an ensemble among them.

    given: {flag: value} of hyper-parameters; targets: one of attacks.targets.AIMS, which ends the
    names, or None. Raises UserError for an unknown attack, or one that takes no targets.
    """
    for name in names:
        check_choice('--attacks', name, ATTACKS)
        check(not targets or 'targets' in positional(ATTACKS[name]), '--targets=%s with %s, which '
              'takes none; expected attacks such as boundary and carlini', targets, name)
    given = dict(MEMBER_FLAGS if 'ensemble' in names else {}, **given)
    chosen = {}
    for name in with_members(names):
        settings = resolve(name, ATTACKS[name], given)
        chosen[name + '_%s' % targets if targets else name] = Chosen(ATTACKS[name], settings,
                                                                     targets or '')
    return chosen
