"""Paths for TensorFlow, which takes that of a checkpoint for a pattern of names, and no path but in
UTF-8.
"""
import contextlib
import os
import re
import tempfile

ODD = re.compile('[][*?\\\\\ud800-\udfff]')   # of a pattern, or a byte that is not UTF-8


@contextlib.contextmanager
def plain_folder(folder):
    """A path of the folder that names it alone: its own, or that of a symbolic link to it, which
    the end of the block removes.

    Without it a run in `a[1]` could not be read back, and one in `a*` would delete the checkpoints
    of `ab`.
    """
    if not ODD.search(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as place:
        link = os.path.join(place, 'folder')
        os.symlink(os.path.abspath(folder), link)
        yield link
