"""Files that are written whole or not at all, and read back; where those of runs lie."""
import contextlib
import glob
import json
import os

from utils.errors import UserError

TEXT = {'encoding': 'utf-8', 'errors': 'backslashreplace'}   # a path need not be UTF-8


@contextlib.contextmanager
def atomic_write(path, mode='w'):
    """Opens a file beside `path` for writing; renames it to `path` when the block ends, removes it
    when the block raises.
    """
    partial = '%s.%d.part' % (path, os.getpid())
    try:
        with open(partial, mode, **({} if 'b' in mode else TEXT)) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def make_folder(path):
    """Makes the folder `path` and its parents; raises UserError where that is impossible."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UserError('cannot make the folder %s: %s' % (path, error.strerror))
    return path


def write_json(path, value):
    """Writes `value` as indented JSON with sorted keys."""
    with atomic_write(path) as stream:
        json.dump(value, stream, indent=1, sort_keys=True, allow_nan=False)
        stream.write('\n')


def read_json(path):
    """Returns the object in the JSON file `path`; raises UserError when there is none or it is not
    an object.
    """
    try:
        with open(path, encoding='utf-8') as stream:
            value = json.load(stream)
    except OSError as error:
        raise UserError('%s: cannot be read: %s' % (path, error.strerror))
    except ValueError as error:
        raise UserError('%s: not JSON: %s' % (path, str(error).splitlines()[0]))
    if not isinstance(value, dict):
        raise UserError('%s: holds a %s; expected a JSON object' % (path, type(value).__name__))
    return value


def write_json_lines(path, rows):
    """Writes one JSON object a line."""
    with atomic_write(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, sort_keys=True, allow_nan=False) + '\n')


def read_json_lines(path):
    """Returns the rows of a metrics.jsonl, one JSON object with its epoch a line; an absent file
    has none.
    """
    if not os.path.exists(path):
        return []
    try:
        with open(path, encoding='utf-8') as stream:
            rows = [json.loads(line) for line in stream if line.strip()]
    except (OSError, ValueError) as error:
        raise UserError('%s: not one JSON object a line: %s' % (path, str(error).splitlines()[0]))
    wrong = [
        row for row in rows if not (isinstance(row, dict) and isinstance(row.get('epoch'), int))
    ]
    if wrong:
        raise UserError(
            '%s: holds %r; expected one JSON object with an epoch a line' % (path, wrong[0]))
    return rows


def run_files(root, name):
    """The paths of a file in the folders of runs or of their tests, sorted:
    <root>/<folder>/<run>/<name>, and none deeper.
    """
    return sorted(glob.glob(os.path.join(glob.escape(root), '*', '*', name)))
