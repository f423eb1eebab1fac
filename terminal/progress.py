"""How far a process is, for the person who waits."""
import shutil
import time

from absl import logging
from tqdm import tqdm

PERIOD = 60   # seconds between two lines where there is no terminal
FORMAT = '{desc} {n_fmt}/{total_fmt} {bar:10} {remaining}{postfix}'


def width():
    """The columns that a line may take."""
    return shutil.get_terminal_size().columns - 1


class ProgressBar(object):
    """Counts towards `total`: a bar on a terminal, cut off at its width; elsewhere a line a minute.
    """

    said = time.time()   # of any bar: epochs that take seconds share their minute

    def __init__(self, title, total, done=0):
        self._title, self._total, self._done = title, total, done
        self._bar = tqdm(total=total, initial=done, desc=title, leave=False, disable=None,
                         ncols=width(), bar_format=FORMAT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._bar.close()

    def say(self, title):
        """Says what is done now."""
        self._title = title
        self._bar.set_description_str(title)

    def add(self, count, **numbers):
        """So many more are done; numbers: {name: number or None} to show, in three digits."""
        self._done += count
        texts = {name: '%.3g' % number for name, number in numbers.items() if number is not None}
        self._bar.set_postfix(texts, refresh=False)
        self._bar.update(count)
        if self._bar.disable and time.time() - ProgressBar.said >= PERIOD:
            ProgressBar.said = time.time()
            shown = ''.join(', %s=%s' % item for item in texts.items())
            logging.info('%s %d/%d%s', self._title, self._done, self._total, shown)
