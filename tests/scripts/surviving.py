"""A small run, whole, and what must be the same in every run that went another way."""
import json

import numpy as np
import tensorflow.compat.v1 as tf

from training.checkpoints import found

RUN = [
    'train.py', '--defense=none', '--layer_dims=300', '--batch_size=4', '--niter=6',
    '--summary_frequency=0', '--resume'
]
RUN_FOLDER = 'none_s1'
DATA = '.data-00000-of-00001'


def one_error(err):
    """The only error line of a script's stderr, which has no traceback."""
    lines = [line for line in err.splitlines() if 'error:' in line]
    assert len(lines) == 1 and 'Traceback' not in err, err
    return lines[0]


def variables(run):
    reader = tf.train.NewCheckpointReader(found(str(run / 'chks'))[0])
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def metrics(run):
    rows = [json.loads(line) for line in open(str(run / 'metrics.jsonl'))]
    return [{key: value for key, value in row.items() if key != 'seconds'} for row in rows]


def assert_same(run, expected):
    """The same variables byte for byte, Adam's and the progress among them, and the same metrics.
    """
    got, wanted = variables(run), variables(expected)
    assert set(got) == set(wanted)
    for name in wanted:
        assert np.asarray(got[name]).tobytes() == np.asarray(wanted[name]).tobytes(), name
    assert metrics(run) == metrics(expected) and len(metrics(run)) == 7


def damage(path, kind):
    """Truncates a file, or flips a bit in its middle."""
    content = bytearray(open(path, 'rb').read())
    if kind == 'truncated':
        content = content[:len(content) // 2]
    else:
        content[len(content) // 2] ^= 4
    with open(path, 'wb') as stream:
        stream.write(content)
