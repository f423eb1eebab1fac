"""Hyper-parameters are the keyword-only arguments of a function: their defaults stand in its
signature, their help in HELP of its module, and their flags are made of both.

An annotation says what a default does not: the type where the default is None, or a function that
reads the text of the flag and raises UserError where it cannot.
"""
import collections
import inspect
import sys

from absl import flags

# Flags of train.py and of test.py that change no number of a training or an attack: where things
# are, how a run is started, what else is measured.
TRAIN_PLACES = ('train_dir', 'data_dir', 'resume', 'gpu_memory')
TEST_PLACES = tuple('load_dir working_dir data_dir resume gpu_memory save_adv overwrite '
                    'certificates num_certified checks num_checked transfer_from'.split())

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


def define_flags(by_flag, lowest=None):
    """Defines a flag for each entry of {flag: [Taker]}, unset by default; returns their names.

    Numbers are at least 0, or what `lowest` {flag: number} says. The help says what the flag is to
    each taker, and its default there.
    """
    define = {bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float}
    for flag, uses in sorted(by_flag.items()):
        texts = collections.OrderedDict()
        for use in uses:
            texts.setdefault(use.text, []).append('%s: %s' % (use.name, use.default))
        text = '; '.join('%s (%s)' % (text, ', '.join(defaults))
                         for text, defaults in texts.items())
        kind = uses[0].kind
        bounds = {'lower_bound': (lowest or {}).get(flag, 0)} if kind in (int, float) else {}
        define.get(kind, flags.DEFINE_string)(flag, None, text, **bounds)
    return sorted(by_flag)


def as_text(settings):
    """Hyper-parameters as JSON can hold them: an infinite number by its name."""
    return {key: 'inf' if value == float('inf') else value for key, value in settings.items()}
