"""A run's classifier as a judge."""
from utils.errors import check

import numpy as np

from evaluation.export import run_logits
from experiments.names import model_name
from training.loading import model_of, tested_checkpoint
from training.run_folder import RunFolder
from training.session import start_graph_mode


def network_judge(path, image_shape):
    """(name, images [n, h, w, c] in [0, 1] -> labels [n]) of the run in the folder `path`.

    Raises UserError where it takes images of another shape than image_shape.
    """
    start_graph_mode()
    run = RunFolder(path)
    record = run.read_args()
    check(record['image_shape'] == list(image_shape), '%s was trained on images of %s; the kit has '
          '%s', path, record['image_shape'], list(image_shape))
    checkpoint = tested_checkpoint(run, record['args'])

    def label(images):
        logits, _ = run_logits(model_of(record), checkpoint, np.float32(images))
        return logits.argmax(axis=1)
    return '%s %s' % (model_name(record['args']['model']), run.name), label
