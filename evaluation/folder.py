"""The folder of a test: what stands in it, when it is whole, and which test it is of."""
import os

from utils.errors import check
from utils.files import atomic_write, make_folder, read_json, write_json

import numpy as np

from evaluation.partial import PartialResults
from evaluation.results import write_tsv
from figures.grids import save_grids


class ResultFolder(object):
    """`<working_dir>/<run>/`: results.tsv, summary.json, samples/, copies of the run's record and,
    where they are kept, the adversarial images as adv_<attack>.npz.

    key: what tells this test from another, see evaluation.partial.test_key.
    """

    def __init__(self, path, key):
        self.path = path
        self._key = key
        self._summary = os.path.join(path, 'summary.json')

    def is_finished(self, kept_images, overwrite):
        """Whether the folder holds the results of this test, with the images of the attacks in
        `kept_images`; raises UserError for those of another one, unless `overwrite`.
        """
        if not os.path.exists(self._summary):
            return False
        same = read_json(self._summary).get('key') == self._key
        check(same or overwrite, '%s holds the results of another test (weights, images, settings, '
              'versions or code differ); --overwrite replaces them, another --working_dir keeps '
              'them', self.path)
        return same and {images_file(name) for name in kept_images} <= set(os.listdir(self.path))

    def prepare(self, resume):
        """Makes the folder, without what an earlier test left; returns what there is already of
        this one, as PartialResults.
        """
        make_folder(os.path.join(self.path, 'samples'))
        for name in os.listdir(self.path):
            if name == 'summary.json' or name.startswith('adv_') and name.endswith('.npz'):
                os.remove(os.path.join(self.path, name))
        return PartialResults(os.path.join(self.path, 'partial'), self._key, resume)

    def write(self, run, table, summary, grids):
        """Writes what every test leaves; summary.json last, since it says that the test is whole.

        run: the RunFolder that was tested; table: of results.tsv; grids: {name: images}.
        """
        save_grids({name: os.path.join(self.path, 'samples', name + '.png') for name in grids},
                   grids)
        run.copy_record(self.path)
        write_tsv(os.path.join(self.path, 'results.tsv'), table)
        write_json(self._summary, dict(summary, key=self._key))

    def keep_images(self, split, images):
        """Writes adv_<attack>.npz with x, x_adv and y for each of {attack: x_adv}."""
        for name, x_adv in images.items():
            with atomic_write(os.path.join(self.path, images_file(name)), 'wb') as stream:
                np.savez_compressed(stream, x=split.x, x_adv=x_adv, y=split.y)


def images_file(attack):
    """The name of the file with the adversarial images of an attack."""
    return 'adv_%s.npz' % attack
