"""How every entry script starts and how it ends when something is wrong."""
import errno
import math
import os
import signal
import sys

from utils.errors import RunError, UserError

from absl import app, flags

DISK = (
    errno.ENOSPC, errno.EDQUOT, errno.EIO)   # what an OSError says of a disk that cannot take more


def fail(message, status=UserError.status):
    """Prints one line on stderr and ends the process."""
    sys.stderr.write('%s: error: %s\n' % (os.path.basename(sys.argv[0]), message))
    sys.exit(status)


def _parse_flags(argv):
    if set(argv[1:]) & {'--help', '-help', '-h', '-?'}:
        app.usage(shorthelp=True, writeto_stdout=True, exitcode=0)
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        fail(' '.join(str(error).split()))
    for name in flags.FLAGS:
        value = flags.FLAGS[name].value
        if isinstance(value, float) and not math.isfinite(value):
            fail('--%s is %s; expected a finite number' % (name, value))
    if len(rest) > 1:
        fail('unexpected argument %r; every setting is a --flag=value' % rest[1])
    return rest


def run(main):
    """Parses the flags and calls main(); what is wrong becomes one line on stderr and an exit
    status.

    2: bad flags, UserError and files that cannot be read or written; 1: RunError and a full or
    failing disk; 130: Ctrl-C; 143, 130
    or 138: a run that a signal stopped.
    """
    def guarded(unused_argv):
        try:
            main()
            sys.stdout.flush()
        except (UserError, RunError) as error:
            fail(error, error.status)
        except BrokenPipeError:   # the reader of a pipe, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            fail(
                '%s: %s' %
                (error.filename, error.strerror) if error.filename else error.strerror or error,
                RunError.status if error.errno in DISK else UserError.status)
        except KeyboardInterrupt:
            fail('interrupted', 128 + signal.SIGINT)
    app.run(guarded, flags_parser=_parse_flags)
