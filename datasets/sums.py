"""sha256 sums of files, in the format of the sha256sum program."""
import hashlib
import os
import re

from utils.errors import UserError, check

SUMS = 'SHA256SUMS'   # the file in a folder that lists the sums of files in and below it
BLOCK = 1 << 20   # bytes read at a time
ESCAPED = {'\\\\': '\\', '\\n': '\n', '\\r': '\r'}   # in a line that begins with a backslash


def sha256(path):
    """The sha256 sum of a file, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as stream:
        for block in iter(lambda: stream.read(BLOCK), b''):
            digest.update(block)
    return digest.hexdigest()


def read_sums(folder):
    """{file: sum} of the SHA256SUMS in a folder, the files relative to it.

    Raises UserError for a line that is not one of the sha256sum program's, and where there is no
    such file.
    """
    path = os.path.join(folder, SUMS)
    try:
        with open(path, 'rb') as stream:
            lines = os.fsdecode(stream.read()).split('\n')
    except OSError as error:
        raise UserError('%s: cannot be read: %s' % (path, error.strerror))
    sums = {}
    for number, line in enumerate(lines, 1):
        if line:
            match = re.match(r'(\\?)([0-9a-f]{64}) [ *](.+)$', line, re.DOTALL)
            check(match, '%s: line %d is %r; expected a sha256 sum, two spaces and a file', path,
                  number, line)
            escaped, value, name = match.groups()
            sums[unescaped(name) if escaped else name] = value
    return sums


def unescaped(name):
    """The name of a file whose line begins with a backslash."""
    return re.sub(r'\\[\\nr]', lambda match: ESCAPED[match.group()], name)


def check_sums(folder):
    """Raises UserError naming the first file of the folder's SHA256SUMS that is absent or differs.

    Returns what read_sums returns.
    """
    sums = read_sums(folder)
    for name, value in sorted(sums.items()):
        path = os.path.join(folder, name)
        check(os.path.isfile(path), '%s: no such file, but %s lists it', path, SUMS)
        found = sha256(path)
        check(found == value, '%s: its sha256 sum is %s; %s has %s', path, found, SUMS, value)
    return sums
