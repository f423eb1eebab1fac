"""What the benchmarks share: one thread, a trained run, CPU time, tables."""
import resource
import time

import tensorflow.compat.v1 as tf

from datasets import load_dataset
from evaluation.networks import build, read_network, variable_name
from training.checkpoints import restore_variables
from training.loading import load_run
from training.run_folder import RunFolder
from training.session import session_config


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


def load_network(path, data_dir):
    """(session on one thread with the weights of a run, its model, the test Split, placeholders x
    and y).
    """
    run = RunFolder(path)
    data, model, record = load_run(run, data_dir)
    x = tf.placeholder(tf.float32, [None] + record['image_shape'])
    y = tf.placeholder(tf.int32, [None])
    model(x)
    session = tf.Session(config=one_thread())
    restore_variables(session, tf.train.Saver(model.state), run.latest_checkpoint(),
                      model.state)
    return session, model, data.test, x, y


def load_export(path, data_dir):
    """The same of a weights.npz that was trained on MNIST."""
    network = read_network(path)
    test = load_dataset('mnist', data_dir or 'data').test
    x = tf.placeholder(tf.float32, [None] + list(network.image_shape))
    y = tf.placeholder(tf.int32, [None])
    model = build(network)
    model(x)
    session = tf.Session(config=one_thread())
    for variable in model.variables:
        session.run(variable.assign(network.weights[variable_name(model, variable)]))
    return session, model, test, x, y


def peak_memory():
    """The largest resident size of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.


def markdown(header, rows):
    """A Markdown table."""
    lines = ['| %s |' % ' | '.join(header), '|---' * len(header) + '|']
    return '\n'.join(lines + ['| %s |' % ' | '.join(map(str, row)) for row in rows])
