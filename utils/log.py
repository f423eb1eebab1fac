"""Logging to the terminal and to a run's log file, without TensorFlow's chatter."""
import logging as python_logging

import tensorflow.compat.v1 as tf
from absl import logging


def start_graph_mode():
    """Turns TensorFlow 2 behaviour off; call once, before the first op is built."""
    python_logging.getLogger('tensorflow').setLevel(python_logging.ERROR)
    tf.disable_v2_behavior()
    logging.set_verbosity(logging.INFO)


def log_to_file(path):
    """Appends what is logged from now on to the file `path`, a line each with its time."""
    handler = python_logging.FileHandler(path)
    handler.setFormatter(python_logging.Formatter('%(asctime)s %(levelname)s %(message)s'))
    logging.get_absl_logger().addHandler(handler)
