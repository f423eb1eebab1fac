"""Hyper-parameters are the keyword-only arguments of a function: their defaults stand in its
signature, their help in HELP of its module, and their flags are made of both.

An annotation says what a default does not: the type where the default is None, or a function that
reads the text of the flag and raises UserError where it cannot.
"""
import collections
import inspect
import sys

from absl import flags

# Flags of train.py and of test.py that change no number: where things are, how a run is started.
TRAIN_PLACES = ('train_dir', 'data_dir', 'resume', 'gpu_memory')
TEST_PLACES = ('load_dir', 'working_dir', 'data_dir', 'resume', 'gpu_memory', 'save_adv',
               'overwrite')

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

Taker = collections.namedtuple('Taker', 'name default kind text')
Taker.__doc__ = """Who takes a flag, with which default, of which kind (a type, or a function that
reads the text), and what it is there."""


def _parameters(function, kind):
    parameters = inspect.signature(function).parameters.values()
    return [p for p in parameters if p.kind is kind]


def keyword_only(function):
    """Hyper-parameter -> default: the keyword-only arguments of a function."""
    return {p.name: p.default for p in _parameters(function, inspect.Parameter.KEYWORD_ONLY)}


def positional(function):
    """The names of the other arguments, in order."""
    return [p.name for p in _parameters(function, inspect.Parameter.POSITIONAL_OR_KEYWORD)]


def select(function, values):
    """The entries of `values` that `function` takes as keyword-only arguments."""
    return {key: values[key] for key in keyword_only(function) if key in values}


def module_of(function):
    """The module that a function stands in, where what else is to be said of it stands too."""
    return sys.modules[function.__module__]


def takers(name, function):
    """{hyper-parameter: Taker} of a function whose module has HELP; `name` is what users call it.
    """
    found = {}
    for p in _parameters(function, inspect.Parameter.KEYWORD_ONLY):
        kind = type(p.default) if p.annotation is p.empty else p.annotation
        text = getattr(module_of(function), 'HELP', {}).get(p.name, '')
        found[p.name] = Taker(name, p.default, kind, text)
    return found


def attack_flags(name, attack):
    """{hyper-parameter: its flag} of an attack: those that its module lists in SHARED go by the
    common --attack_... flags, the others by --<PREFIX of its module, or its name>_...
    """
    module = module_of(attack)
    prefix = getattr(module, 'PREFIX', name)
    shared = getattr(module, 'SHARED', ())
    return {key: SHARED[key][0] if key in shared else '%s_%s' % (prefix, key)
            for key in keyword_only(attack)}


def takers_of_attacks(attacks):
    """{flag: [Taker]} of a registry of attacks."""
    texts = dict(SHARED.values())
    found = collections.OrderedDict()
    for name, attack in attacks.items():
        for key, taker in takers(name, attack).items():
            flag = attack_flags(name, attack)[key]
            found.setdefault(flag, []).append(taker._replace(text=texts.get(flag, taker.text)))
    return found


def define_flags(by_flag):
    """Defines a flag for each entry of {flag: [Taker]}, unset by default; returns their names.

    Numbers are at least 0. The help says what the flag is to each taker, and its default there.
    """
    define = {bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float}
    for flag, uses in sorted(by_flag.items()):
        texts = collections.OrderedDict()
        for use in uses:
            texts.setdefault(use.text, []).append('%s: %s' % (use.name, use.default))
        text = '; '.join('%s (%s)' % (text, ', '.join(defaults))
                         for text, defaults in texts.items())
        kind = uses[0].kind
        bounds = {'lower_bound': 0} if kind in (int, float) else {}
        define.get(kind, flags.DEFINE_string)(flag, None, text, **bounds)
    return sorted(by_flag)


def resolve(name, attack, given):
    """Every hyper-parameter of an attack: that of `given` {flag: value} where its flag is there,
    the default elsewhere. Raises UserError for a text that its kind cannot read.
    """
    values = {}
    for key, flag in attack_flags(name, attack).items():
        taker = takers(name, attack)[key]
        values[key] = taker.kind(given[flag]) if flag in given else taker.default
    return values


def as_text(settings):
    """Hyper-parameters as JSON can hold them: an infinite number by its name."""
    return {key: 'inf' if value == float('inf') else value for key, value in settings.items()}
