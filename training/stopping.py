"""Signals that ask a run to stop: it finishes its step and saves; afterwards it ends with the
status of the signal.
"""
import signal

from utils.errors import RunError

ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1
          )   # a scheduler, Ctrl-C, SLURM's --signal=B:USR1@60


class Stopped(RunError):
    """The run was asked to stop and has saved what it had: `status` is 128 + the number of the
    signal (143, 130, 138).
    """

    def __init__(self, message, number):
        super(Stopped, self).__init__(message)
        self.status = 128 + number


class StopSignals(object):
    """A context in which the signals are noted and not obeyed. A second Ctrl-C is obeyed."""

    def __init__(self):
        self.received = None

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in ASKING}
        return self

    def __exit__(self, *unused):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number, unused_frame):
        self.received = number
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def stop(self, where):
        """Raises Stopped: call when a signal has been received and everything is saved."""
        name = signal.Signals(self.received).name
        raise Stopped(
            'stopped by %s at %s; everything is saved, --resume=True goes on' % (name, where),
            self.received)
