"""Hyper-parameters are keyword-only arguments; their defaults are read off the function that takes
them.
"""
import inspect


def _parameters(function, kind):
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is kind}


def keyword_only(function):
    """Hyper-parameter -> default: the keyword-only arguments of a function."""
    return _parameters(function, inspect.Parameter.KEYWORD_ONLY)


def positional(function):
    """The names of the other arguments, in order."""
    return list(_parameters(function, inspect.Parameter.POSITIONAL_OR_KEYWORD))


def select(function, values):
    """The entries of `values` that `function` takes as keyword-only arguments."""
    return {key: values[key] for key in keyword_only(function) if key in values}
