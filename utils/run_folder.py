"""The folder of one training run and what it holds; downstream programs read these files and never a log."""
import os
import re

import tensorflow.compat.v1 as tf

from utils.errors import UserError, check
from utils.files import make_folder, read_json, read_json_lines, write_json, write_json_lines

# What other programs rely on in args.json.
ARG_TYPES = {'dataset': str, 'data_dir': str, 'validation_size': int, 'model': str, 'layer_dims': str, 'activation_fn': str,
             'name': str, 'defense': str, 'seed': int, 'niter': int}
RECORD_TYPES = {'num_classes': int, 'image_shape': list}


class RunFolder(object):
    """`<train_dir>/<name>_s<seed>/`: args.json, chks/, samples/, metrics.jsonl, train.log and TensorBoard's events."""

    def __init__(self, path):
        self.path = path
        self.args_path = os.path.join(path, 'args.json')
        self.metrics_path = os.path.join(path, 'metrics.jsonl')
        self.log_path = os.path.join(path, 'train.log')
        self.checkpoints = os.path.join(path, 'chks')
        self.samples = os.path.join(path, 'samples')

    def create(self, args, resume):
        """Makes the folder and writes args.json; with `resume`, an existing run must have been started with the same arguments.

        Only `niter` may differ, to train a run for longer. Raises UserError otherwise.
        """
        if os.path.exists(self.args_path) or os.path.exists(os.path.join(self.checkpoints, 'checkpoint')):
            check(resume, '%s holds a run already; --resume=True continues it, another --name or --seed starts a new one', self.path)
            self._check_same(args['args'])
        for folder in (self.path, self.checkpoints, self.samples):
            make_folder(folder)
        write_json(self.args_path, args)

    def _check_same(self, args):
        saved = self.read_args()['args']
        for key, value in sorted(args.items()):
            if key not in ('niter', 'resume', 'gpu_memory'):
                check(key in saved and saved[key] == value, '%s was started with --%s=%s; this run has %s', self.path, key,
                      saved.get(key), value)
        check(args['niter'] >= saved['niter'], '%s was started with --niter=%s; this run has %s, which is less', self.path,
              saved['niter'], args['niter'])

    def read_args(self):
        """The contents of args.json; raises UserError when the folder holds no run."""
        check(os.path.isdir(self.path), '%s: no such run folder', self.path)
        check(os.path.exists(self.args_path), '%s: holds no args.json; expected a folder that train.py wrote', self.path)
        args = read_json(self.args_path)
        check(isinstance(args.get('args'), dict), '%s: has no object "args"', self.args_path)
        for entries, types in ((args['args'], ARG_TYPES), (args, RECORD_TYPES)):
            for key, kind in types.items():
                check(isinstance(entries.get(key), kind) and not isinstance(entries.get(key), bool), '%s: entry %s is %r; expected %s',
                      self.args_path, key, entries.get(key), kind.__name__)
        return args

    def read_metrics(self, epochs=None):
        """The rows of metrics.jsonl, one an epoch; the first `epochs` of them if given, UserError if there are fewer."""
        rows = read_json_lines(self.metrics_path)
        check(epochs is None or len(rows) >= epochs, '%s: has %d lines, but the newest checkpoint is of epoch %s', self.metrics_path,
              len(rows), epochs)
        return rows[:epochs]

    def write_metrics(self, rows):
        """Replaces metrics.jsonl."""
        write_json_lines(self.metrics_path, rows)

    def copy_record(self, folder):
        """Copies args.json and metrics.jsonl to `folder`, so that results can be read without the run."""
        write_json(os.path.join(folder, 'args.json'), self.read_args())
        write_json_lines(os.path.join(folder, 'metrics.jsonl'), self.read_metrics())

    def latest_checkpoint(self):
        """The path of the newest checkpoint, None if there is none."""
        return tf.train.latest_checkpoint(self.checkpoints)


class Checkpoints(object):
    """Saves and restores every variable of the graph; the epochs done are part of the file's name.

    The last two are kept, and for good every one whose epoch is a multiple of `keep_every` (0: none).
    """

    def __init__(self, folder, keep_every=0):
        self._folder = folder
        self._keep_every = keep_every
        self._rolling = tf.train.Saver(max_to_keep=2, save_relative_paths=True)
        self._kept = tf.train.Saver(max_to_keep=None, save_relative_paths=True)

    def save(self, session, epoch):
        """Writes the checkpoint of an epoch."""
        if self._keep_every > 0 and epoch % self._keep_every == 0:
            self._kept.save(session, os.path.join(self._folder, 'epoch'), epoch, latest_filename='kept', write_meta_graph=False)
        self._rolling.save(session, os.path.join(self._folder, 'model'), epoch, write_meta_graph=False)

    def restore(self, session):
        """Restores the newest checkpoint, if there is one; returns the number of epochs done.

        Raises UserError when there are checkpoint files but none that TensorFlow finds: starting anew would overwrite them.
        """
        path = tf.train.latest_checkpoint(self._folder)
        if path is None:
            check(not os.listdir(self._folder), '%s: holds checkpoint files but no whole checkpoint; move them away to start anew',
                  self._folder)
            return 0
        restore_variables(session, self._rolling, path, tf.global_variables())
        self._rolling.recover_last_checkpoints(tf.train.get_checkpoint_state(self._folder).all_model_checkpoint_paths)
        return int(re.search(r'-(\d+)$', path).group(1))


def restore_variables(session, saver, path, variables):
    """Restores `variables` from the checkpoint `path`; raises UserError naming the first that is absent or of another shape."""
    try:
        saved = tf.train.NewCheckpointReader(path).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError) as error:
        raise unreadable(path, error)
    for variable in variables:
        name, shape = variable.op.name, variable.shape.as_list()
        check(name in saved, '%s: has no variable %s; it is of another architecture', path, name)
        check(saved[name] == shape, '%s: variable %s has shape %s; the model expects %s', path, name, saved[name], shape)
    try:
        saver.restore(session, path)
    except tf.errors.OpError as error:
        raise unreadable(path, error)


def unreadable(path, error):
    """The UserError for a checkpoint that TensorFlow cannot read."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and 'Graph execution error' not in line]
    telling = [line for line in lines if 'checksum' in line or 'corrupt' in line.lower() or 'Data loss' in line]
    cause = (telling + lines + [''])[0]
    return UserError('%s: not a readable checkpoint: %s' % (path, cause))
