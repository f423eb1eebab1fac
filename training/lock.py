"""One process at a time in a folder."""
import contextlib
import errno
import fcntl
import os
import socket

from utils.errors import UserError
from utils.files import make_folder

from absl import logging

UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


@contextlib.contextmanager
def folder_lock(folder):
    """Holds the folder, made if need be, for the length of the block; raises UserError naming the
    process that has it.

    The kernel gives the lock back when its process dies, so a lock file that a dead process left is
    taken over; on a file system without locks only that of a process of this host is. The file
    stays, and is empty when nobody holds it.
    """
    path = os.path.join(make_folder(folder), 'lock')
    try:
        stream = open(path, 'a+', encoding='utf-8')
    except OSError as error:
        raise UserError('%s: cannot be written: %s' % (path, error.strerror))
    with stream:
        stream.seek(0)
        holder = stream.read().strip()
        if not _take(stream, holder):
            raise UserError('%s is in use by %s; if that is gone, remove %s' %
                            (folder, holder or 'another process', path))
        if holder:
            logging.warning('%s: taken over from %s, which is gone', path, holder)
        _write(stream, 'process %d on %s' % (os.getpid(), socket.gethostname()))
        try:
            yield
        finally:
            _write(stream, '')


def _take(stream, holder):
    """Whether the lock is ours now; where the file system has no locks, whether its holder is a
    dead process of this host.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    words = holder.split()
    return not holder or words[-1] == socket.gethostname() and words[1].isdigit(
    ) and not os.path.exists('/proc/' + words[1])


def _write(stream, text):
    stream.seek(0)
    stream.truncate()
    stream.write(text)
    stream.flush()
