"""What a process logs: a line of the terminal for what people wait for, the details in a file."""
import logging as python_logging
import os

from absl import logging


def log_short_lines():
    """From now on, absl's lines stand on the terminal without the time and place they come from,
    and without the details.
    """
    handler = logging.get_absl_handler().python_handler
    handler.setFormatter(Short('%(message)s'))
    handler.addFilter(is_for_people)


class Short(python_logging.Formatter):
    """A line of the terminal: what is said, and only of a warning what it is."""

    def format(self, record):
        level = '' if record.levelno == python_logging.INFO else record.levelname.lower() + ': '
        return level + super().format(record)


def is_for_people(record):
    """Whether a record is for the terminal, and not a detail for the file alone."""
    return not getattr(record, 'detail', False)


def log_detail(message, *values):
    """Logs a line to the file alone, see log_to_file."""
    logging.get_absl_logger().info(message, *values, extra={'detail': True})


def log_outcome(run, error, text, seconds):
    """Logs the one line that a run or its test is to people: its place in the sweep where it is
    part of one, its name, the error of the test images (a share), what else came out, the time.
    """
    place = os.environ.get('SWEEP')
    logging.info('%s%s  %.2f %%%s  %.0f s', '[%s] ' % place if place else '', run, 100 * error,
                 '  ' + text if text else '', seconds)


def log_to_file(path):
    """Appends what is logged from now on to the file `path`, a line each with its time."""
    handler = python_logging.StreamHandler(
        open(path, 'a', encoding='utf-8', errors='backslashreplace'))
    handler.handleError = lambda record: None   # a full disk: the checkpoint's error says so
    handler.setFormatter(python_logging.Formatter('%(asctime)s %(levelname)s %(message)s'))
    logging.get_absl_logger().addHandler(handler)


def rho_text(attacks):
    """The rho of each attack of a summary, for one line."""
    return 'rho ' + ', '.join(
        ('-' if found['rho'] is None else '%.3f' % found['rho']) + ' ' + name +
        (' (%d failed)' % found['failed'] if found['failed'] else '')
        for name, found in attacks.items())
