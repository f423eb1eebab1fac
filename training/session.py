"""How a process starts with TensorFlow: graph mode, the session, logging without TensorFlow's
chatter.
"""
import contextlib
import logging as python_logging

from utils.errors import RunError

import tensorflow.compat.v1 as tf
from absl import logging

from terminal.log import log_short_lines


def start_graph_mode():
    """Turns TensorFlow 2 behaviour off; call once, before the first op is built."""
    python_logging.getLogger('tensorflow').setLevel(python_logging.ERROR)
    tf.disable_v2_behavior()
    logging.set_verbosity(logging.INFO)
    log_short_lines()


def session_config(gpu_memory):
    """Session settings: `gpu_memory` is the fraction of a GPU's memory to take at once, or 'growth'
    to take it as it is needed.

    TensorFlow's graph rewriter is off: it orders sums by the addresses of its hash tables, so that
    no two processes end with the same weights. Without it a training step takes 2 % more time on a
    CPU.
    """
    growth = gpu_memory == 'growth'
    config = tf.ConfigProto(gpu_options=tf.GPUOptions(
        allow_growth=growth, per_process_gpu_memory_fraction=1. if growth else float(gpu_memory)))
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


@contextlib.contextmanager
def memory_bounded_by(flag):
    """Where memory runs out in the block, raises RunError naming the flag that bounds it."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError):
        raise RunError('out of memory; a smaller --%s takes less' % flag)
