"""What the benchmarks share: one thread, a trained run, CPU time, tables."""
import os
import resource
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from utils import cli   # noqa: E402

cli.quiet_tensorflow()

import tensorflow.compat.v1 as tf   # noqa: E402

from utils import loading   # noqa: E402
from training.checkpoints import restore_variables   # noqa: E402
from utils.session import session_config   # noqa: E402
from training.run_folder import RunFolder   # noqa: E402


def one_thread():
    """The sessions' settings of train.py and test.py, on one thread."""
    config = session_config('1')
    config.intra_op_parallelism_threads = config.inter_op_parallelism_threads = 1
    return config


def cpu_seconds(function):
    """(CPU seconds of this process that function() takes, what it returns)."""
    start = time.process_time()
    value = function()
    return time.process_time() - start, value


def load_run(path, data_dir):
    """(session on one thread with the weights of a run, its model, the test Split, placeholders x
    and y).
    """
    run = RunFolder(path)
    data, model, record = loading.load_run(run, data_dir)
    x = tf.placeholder(tf.float32, [None] + record['image_shape'])
    y = tf.placeholder(tf.int32, [None])
    model(x)
    session = tf.Session(config=one_thread())
    restore_variables(session, tf.train.Saver(model.variables), run.latest_checkpoint(),
                      model.variables)
    return session, model, data.test, x, y


def peak_memory():
    """The largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.


def markdown(header, rows):
    """A Markdown table."""
    lines = ['| %s |' % ' | '.join(header), '|---' * len(header) + '|']
    return '\n'.join(lines + ['| %s |' % ' | '.join(map(str, row)) for row in rows])
