"""How every entry script starts and how it ends when something is wrong."""
import errno
import math
import os
import signal
import sys

from utils.errors import RunError, UserError

from absl import app, flags

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)   # of an OSError: the disk cannot take more
HELP = {'help', 'h', '?'}   # names of flags that ask for it


def fail(message, status=UserError.status):
    """Prints one line on stderr and ends the process."""
    line = ' '.join(str(message).splitlines())
    text = '%s: error: %s\n' % (os.path.basename(sys.argv[0]), line)
    for stream, last in ((sys.stdout, ''), (sys.stderr, text)):
        try:
            stream.write(last)
            stream.flush()
        except OSError:   # such as a full disk
            _discard(stream)
    sys.exit(status)


def _discard(stream):
    """What is left in the stream, which Python writes at its end, goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _parse_flags(argv):
    if {word.lstrip('-') for word in argv[1:] if word.startswith('-')} & HELP:
        app.usage(shorthelp=True, writeto_stdout=True, exitcode=0)
    try:
        rest = flags.FLAGS(argv)
    except (flags.Error, ValueError) as error:   # ValueError: --noflag=1
        fail(' '.join(str(error).split()))
    for name in flags.FLAGS:
        value = flags.FLAGS[name].value
        if isinstance(value, float) and not math.isfinite(value):
            fail('--%s is %s; expected a finite number' % (name, value))
    if len(rest) > 1:
        fail('unexpected argument %r; every setting is a --flag=value' % rest[1])
    return rest


def run(main):
    """Parses the flags and calls main(); what is wrong becomes a line on stderr and an exit status.

    2: bad flags, UserError and files that cannot be read or written; 1: RunError, a full or failing
    disk, and no memory; 130: Ctrl-C; 143, 130 or 138: a run that a signal stopped. What stdout's
    encoding lacks is printed as an escape.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:   # as utils.entry leaves it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout.reconfigure(errors='backslashreplace')
    try:
        try:
            app.run(lambda unused_argv: main(), flags_parser=_parse_flags)
        finally:
            sys.stdout.flush()
    except (UserError, RunError) as error:
        fail(error, error.status)
    except UnicodeEncodeError as error:
        fail('%r cannot be written in %s' % (error.object[error.start:error.end], error.encoding))
    except BrokenPipeError:   # the reader of a pipe, such as head, has seen enough
        _discard(sys.stdout)
    except OSError as error:
        named = '%s: ' % error.filename if error.filename else ''
        fail('%s%s' % (named, error.strerror or error),
             RunError.status if error.errno in DISK else UserError.status)
    except MemoryError:
        fail('out of memory', RunError.status)
    except KeyboardInterrupt:
        fail('interrupted', 128 + signal.SIGINT)
