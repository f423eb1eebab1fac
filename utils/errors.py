"""The exceptions that the entry scripts turn into one line on stderr and an exit status."""


class UserError(ValueError):
    """Bad input: the message is one line that names the flag or file, what was found and what was
    expected.

    The entry scripts print it and exit with status 2; code that imports the packages may catch it
    as a ValueError.
    """

    status = 2
    __init__ = Exception.__init__   # without it, tf.function would raise another class for it


class RunError(RuntimeError):
    """A run that cannot go on, for a reason that is not its input: a loss that is not finite, a
    full disk. Exit status 1.
    """

    status = 1


def check(condition, message, *values):
    """Raises UserError(message % values) unless `condition` holds."""
    if not condition:
        raise UserError(message % values)


def check_choice(name, value, choices):
    """Returns `value`; raises UserError unless it is one of `choices`."""
    check(value in choices, '%s is %r; expected one of %s', name, value,
          ', '.join(sorted(map(str, choices))))
    return value
