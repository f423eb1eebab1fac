"""The folder of a test: what stands in it, when it is whole, and which test it is of."""
import os

from utils.errors import check
from utils.files import atomic_write, make_folder, read_json, write_json

import numpy as np

from evaluation.partial import PartialResults
from evaluation.results import write_tsv
from figures.grids import save_grids
from figures.samples import adversarial_file, sample_rows, write_samples


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
        expected = {adversarial_file(name) for name in kept_images}
        return same and expected <= set(os.listdir(self.path))

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

    def keep_samples(self, split, table, images, few):
        """Writes samples/images.npz with the images at the rows `few` and the easiest and hardest
        of each of {attack: x_adv}.
        """
        write_samples(self.path, sample_rows(table, images, few), split.x, images)

    def keep_images(self, split, images):
        """Writes adv_<attack>.npz with x, x_adv and y for each of {attack: x_adv}."""
        for name, x_adv in images.items():
            path = os.path.join(self.path, adversarial_file(name))
            with atomic_write(path, 'wb') as stream:
                np.savez_compressed(stream, x=split.x, x_adv=x_adv, y=split.y)
