"""How every entry script starts and how it ends when something is wrong."""
import math
import os
import sys
import warnings

from absl import app, flags

from utils.errors import UserError

BAD_INPUT = 2


def quiet_tensorflow():
    """Silences the start-up chatter of TensorFlow; must run before TensorFlow is imported."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    warnings.filterwarnings('ignore', category=FutureWarning)


def fail(message, status=BAD_INPUT):
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
    """Parses the flags and calls main(); bad flags and UserError become one line on stderr and exit status 2."""
    def guarded(unused_argv):
        try:
            main()
            sys.stdout.flush()
        except UserError as error:
            fail(error)
        except BrokenPipeError:   # the reader of a pipe, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    app.run(guarded, flags_parser=_parse_flags)
