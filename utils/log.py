"""How a process starts with TensorFlow: graph mode, the session, logging without TensorFlow's chatter."""
import logging as python_logging

import tensorflow.compat.v1 as tf
from absl import logging


def start_graph_mode():
    """Turns TensorFlow 2 behaviour off; call once, before the first op is built."""
    python_logging.getLogger('tensorflow').setLevel(python_logging.ERROR)
    tf.disable_v2_behavior()
    logging.set_verbosity(logging.INFO)


def session_config(gpu_memory):
    """Session settings: `gpu_memory` is the fraction of a GPU's memory that the process may take."""
    return tf.ConfigProto(gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=gpu_memory))


def log_to_file(path):
    """Appends what is logged from now on to the file `path`, a line each with its time."""
    handler = python_logging.FileHandler(path)
    handler.setFormatter(python_logging.Formatter('%(asctime)s %(levelname)s %(message)s'))
    logging.get_absl_logger().addHandler(handler)
