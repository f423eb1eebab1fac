"""The folder of one training run and what it holds; downstream programs read these files and never
a log.
"""
import os

from utils.errors import check
from utils.files import make_folder, read_json, read_json_lines, write_json, write_json_lines
from utils.hyperparameters import TRAIN_PLACES

from training.checkpoints import UnreadableCheckpoint, found, read_progress

# What other programs rely on in args.json.
ARG_TYPES = {
    'dataset': str, 'data_dir': str, 'validation_size': int, 'model': str, 'layer_dims': str,
    'activation_fn': str, 'name': str, 'defense': str, 'seed': int, 'niter': int,
    'pretrain_niter': int
}
RECORD_TYPES = {'num_classes': int, 'image_shape': list}
EXPORT_WEIGHTS, EXPORT_RECORD = 'weights.npz', 'network.json'   # what export.py writes
MAY_DIFFER = ('niter',) + TRAIN_PLACES


class RunFolder(object):
    """`<train_dir>/<name>_s<seed>/`: args.json, chks/, samples/, metrics.jsonl, train.log and
    TensorBoard's events. To read from, what export.py made of one is a run folder too.

    defaults: what the settings were that the record of an older run does not name.
    """

    def __init__(self, path, defaults=None):
        self.path = path
        self._defaults = defaults or {}
        self.name = os.path.basename(os.path.abspath(path))
        self.args_path = os.path.join(path, 'args.json')
        self.metrics_path = os.path.join(path, 'metrics.jsonl')
        self.log_path = os.path.join(path, 'train.log')
        self.checkpoints = os.path.join(path, 'chks')
        self.samples = os.path.join(path, 'samples')
        self.curves = os.path.join(self.samples, 'curves.png')
        self._exported = os.path.join(path, EXPORT_RECORD)

    def create(self, record, resume):
        """Makes the folder and writes args.json; with `resume`, an existing run must have been
        started with the same arguments.

        Only those in MAY_DIFFER may differ: niter, to train for longer, and what changes no number.
        Raises UserError otherwise. `earlier_revisions` then names the other git revisions that have
        trained it.
        """
        checkpoints = os.path.join(self.checkpoints, 'checkpoint')
        if os.path.exists(self.args_path) or os.path.exists(checkpoints):
            check(resume, '%s holds a run already; --resume=True continues it, another --name or '
                  '--seed starts a new one', self.path)
            earlier = self._check_same(record['args'])
            revisions = earlier.get('earlier_revisions', []) + [earlier.get('git_revision')]
            others = [revision for revision in revisions if revision != record.get('git_revision')]
            record = dict(record, earlier_revisions=others)
        for folder in (self.path, self.checkpoints, self.samples):
            make_folder(folder)
        write_json(self.args_path, record)

    def _check_same(self, args):
        record = self.read_args()
        saved = dict(self._defaults, **record['args'])
        for key, value in sorted(args.items()):
            if key not in MAY_DIFFER:
                check(key in saved and saved[key] == value, '%s was started with --%s=%s; this run '
                      'has %s', self.path, key, saved.get(key), value)
        check(args['niter'] >= saved['niter'],
              '%s was started with --niter=%s; this run has %s, which is less', self.path,
              saved['niter'], args['niter'])
        check(args.get('lr_decay') != 'points' or args['niter'] == saved['niter'],
              '%s was started with --niter=%s; this run has %s, and so other learning rates, which '
              'fall at fractions of it', self.path, saved['niter'], args['niter'])
        return record

    def read_args(self):
        """The contents of args.json; raises UserError when the folder holds no run."""
        check(os.path.isdir(self.path), '%s: no such run folder', self.path)
        exported = not os.path.exists(self.args_path) and os.path.exists(self._exported)
        path = self._exported if exported else self.args_path
        check(os.path.exists(path), '%s: holds no args.json; expected a folder that train.py or '
              'export.py wrote', self.path)
        args = read_json(path)
        args = args.get('train') if exported else args
        check(isinstance(args, dict) and isinstance(args.get('args'), dict),
              '%s: has no object "args"', path)
        if exported:
            args['args'].setdefault('data_dir', 'data')
        for entries, types in ((args['args'], ARG_TYPES), (args, RECORD_TYPES)):
            for key, kind in types.items():
                value = entries.get(key)
                check(isinstance(value, kind) and not isinstance(value, bool),
                      '%s: entry %s is %r; expected %s', path, key, value, kind.__name__)
        return args

    def read_metrics(self, progress=None):
        """The rows of metrics.jsonl, one an epoch; those of the epochs of a Progress if given.

        Its last epoch may have none, when the sums that a row is made of are in the Progress.
        Raises UserError if there are fewer.
        """
        rows = read_json_lines(self.metrics_path)
        if progress is None:
            return rows
        measurable = bool(progress.totals) and not progress.steps
        check(len(rows) >= progress.epochs - measurable,
              '%s: has %d lines, but the newest checkpoint is of epoch %s', self.metrics_path,
              len(rows), progress.epochs)
        return rows[:progress.epochs]

    def write_metrics(self, rows):
        """Replaces metrics.jsonl."""
        write_json_lines(self.metrics_path, rows)

    def copy_record(self, folder):
        """Copies args.json and metrics.jsonl to `folder`, so that results can be read without the
        run.
        """
        write_json(os.path.join(folder, 'args.json'), self.read_args())
        write_json_lines(os.path.join(folder, 'metrics.jsonl'), self.read_metrics())

    def latest_checkpoint(self):
        """The path of the newest checkpoint, or of an export's weights.npz; None if there is none.
        """
        weights = os.path.join(self.path, EXPORT_WEIGHTS)
        return (found(self.checkpoints) + [weights] * os.path.exists(weights) + [None])[0]

    def unfinish(self):
        """Removes the file whose presence says that the run is finished."""
        if os.path.exists(self.curves):
            os.remove(self.curves)

    def finished(self, args, epochs):
        """Whether the folder holds a run with these arguments whose newest checkpoint is whole and
        of `epochs` epochs.
        """
        path = self.latest_checkpoint()
        if path is None or not (os.path.exists(self.args_path) and os.path.exists(self.curves)):
            return False
        self._check_same(args)
        try:
            return read_progress(path).epochs >= epochs
        except UnreadableCheckpoint:
            return False
