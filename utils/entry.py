"""How an entry script begins, before its imports.

These take seconds, for which a misspelled flag need not wait.
"""
import ast
import contextlib
import difflib
import os
import re
import signal
import sys

from utils.cli import HELP, fail
from utils.code import code_files

from absl import app, flags

UNCHECKED = {'flagfile', 'undefok'} | HELP   # beside these, absl takes what it does not know


def begin(argv):
    """Where the process runs an entry script of this project: refuses flags that cannot be, opens
    closed descriptors, and leaves Ctrl-C to the system, which ends the imports without a traceback
    (cli.run takes it back).
    """
    if not _is_entry_script(argv[0]):
        return
    _open_descriptors()
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    booleans = re.findall(r"DEFINE_boolean\(\s*'(\w+)'", _text(argv[0]))
    refuse_unknown_flags(flag_names(argv[1:], booleans))


def _is_entry_script(path):
    return os.path.abspath(path) in code_files() and 'cli.run(' in _text(path)


def _text(path):
    with open(path, encoding='utf-8', errors='replace') as stream:
        return stream.read()


def _open_descriptors():
    """Opens /dev/null in place of a closed stdin, stdout or stderr.

    The next file that is opened would come to have its number, and what is printed.
    """
    for number, name in enumerate(('stdin', 'stdout', 'stderr')):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)   # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, 'r' if name == 'stdin' else 'w', encoding='utf-8'))


def refuse_unknown_flags(names):
    """Ends the process, with absl's words, at a flag that cannot be.

    Which flags there are is known after the imports only, since many come from signatures. But the
    parts of a flag's name, between underscores, all stand in the sources or in a flag of absl.
    """
    if UNCHECKED & set(names):
        return
    app.define_help_flags()
    words = _words().union(flags.FLAGS)
    parts = set(re.findall('[^_]+', '_'.join(words)))
    for name in names:
        positive = name[2:] if name.startswith('no') else name
        if not any(set(re.findall('[^_]+', whole)) <= parts for whole in (name, positive)):
            near = difflib.get_close_matches(name, sorted(words), 3, 0.75)
            fail(flags.UnrecognizedFlagError(name, '', near))


def flag_names(arguments, booleans):
    """The names of those arguments that must be flags, and not the value of the flag before."""
    names = []
    value_follows = False
    for argument in arguments:
        if value_follows:
            value_follows = False
            continue
        name, equals, _ = argument[1 + argument.startswith('--'):].partition('=')
        if not argument.startswith('-') or not name:   # absl stops there
            break
        names.append(name)
        value_follows = not equals and name not in booleans
    return names


def _words():
    """The names of parameters and the strings of one word in the entry scripts and the packages."""
    words = set()
    for path in code_files():
        with contextlib.suppress(SyntaxError, ValueError):   # whoever imports it will hear
            for node in ast.walk(ast.parse(_text(path))):
                words.update(_words_of(node))
    return words


def _words_of(node):
    fields = dict(ast.iter_fields(node))
    for name in ('arg', 's', 'value'):   # a string's is `s` in Python 3.7
        word = fields.get(name)
        if isinstance(word, str) and ' ' not in word:
            yield from re.findall(r'\w+', word)
