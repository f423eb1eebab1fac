"""The flags of attacks, made of their signatures."""
import collections

from utils.hyperparameters import keyword_only, module_of, takers

# Hyper-parameters that several attacks have in common: the flag of all of them, and its help.
SHARED = {
    'max_iter': ('attack_iter', 'steps at most'),
    'overshoot': ('attack_overshoot', 'x_adv = x + (1 + overshoot) r'),
    'clip': ('attack_clip', 'longest step in l2 (0: no limit)'),
    'box': ('attack_box_clip', 'project to [0, 1] after each step'),
    'candidates': ('attack_candidates', 'boundaries to so many of the likeliest classes count, the '
                                        'label among them (default: to all)'),
    'epsilon': ('attack_epsilon', 'radius of the ball'),
    'ord': ('attack_ord', 'norm of the ball: l2 or linf'),
}
LOWEST = {'attack_iter': 1}   # what such a flag may be at least, where it is not 0


def flags_of(name, attack):
    """{hyper-parameter: its flag} of an attack: those that its module lists in SHARED go by the
    common --attack_... flags, the others by --<PREFIX of its module, or its name>_...
    """
    module = module_of(attack)
    prefix = getattr(module, 'PREFIX', name)
    shared = getattr(module, 'SHARED', ())
    return {key: SHARED[key][0] if key in shared else '%s_%s' % (prefix, key)
            for key in keyword_only(attack)}


def takers_of(attacks):
    """{flag: [Taker]} of a registry of attacks."""
    texts = dict(SHARED.values())
    found = collections.OrderedDict()
    for name, attack in attacks.items():
        flags = flags_of(name, attack)
        for key, taker in takers(name, attack).items():
            flag = flags[key]
            found.setdefault(flag, []).append(taker._replace(text=texts.get(flag, taker.text)))
    return found


def resolve(name, attack, given):
    """Every hyper-parameter of an attack: that of `given` {flag: value} where its flag is there,
    the default elsewhere.
    """
    defaults = keyword_only(attack)
    return {key: given.get(flag, defaults[key]) for key, flag in flags_of(name, attack).items()}


def read(by_flag, given):
    """The values of `given` {flag: value} as their kinds read them, also of flags that no attack
    of this test takes; raises UserError for a text that cannot be read. by_flag: see takers_of.
    """
    return {flag: by_flag[flag][0].kind(value) for flag, value in given.items()}
