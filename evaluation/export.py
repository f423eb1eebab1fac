"""A run's classifier in a folder that needs neither the run nor this program."""
import collections
import contextlib
import os

from utils.errors import RunError, check
from utils.files import write_json
from utils.hyperparameters import TRAIN_PLACES

import numpy as np
import tensorflow.compat.v1 as tf

from evaluation.networks import StoredNetwork, load_network, variable_name, write_network
from evaluation.partial import whole_folder
from models import parse_layer_dims
from training.checkpoints import read_progress, restore_variables
from training.loading import load_run, tested_checkpoint
from training.provenance import provenance
from training.run_folder import EXPORT_RECORD as RECORD
from training.run_folder import EXPORT_WEIGHTS as WEIGHTS
from training.session import session_config

SAVED_MODEL = 'saved_model'
CHECKED = 1000   # test images that an export is checked on, the first ones
BATCH = 100   # of them at a time
TOLERANCE = 1e-5   # of a difference between logits, as a share of the largest

SIGNATURE = tf.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY
SERVING = [tf.saved_model.tag_constants.SERVING]


def export_run(run, output, data_dir=None, unfinished=False):
    """Writes the folder `output`, whole or not at all: weights.npz (see evaluation/networks.py),
    saved_model/ with the signature `serving_default`, `images` [n, h, w, c] in [0, 1] -> `logits`
    [n, k], and network.json, where they come from.

    Both are read back and give the run's own logits on the first CHECKED test images, on the CPU.
    Returns the contents of network.json: 'train', args.json without its places; 'epochs' trained;
    'checked': the number of 'images', the 'errors' among them, the largest 'difference' of a logit
    by file; 'export', versions and revision. Raises UserError where `output` is there already, the
    run cannot be loaded, or, without `unfinished`, is not finished; RunError for other logits.
    """
    output = os.path.abspath(output)
    check_output(output)
    data, model, record = load_run(run, data_dir)
    checkpoint = tested_checkpoint(run, record['args'], unfinished)
    images = data.test.images(slice(CHECKED))
    labels = data.test.y[:CHECKED]
    logits, weights = run_logits(model, checkpoint, images)
    with whole_folder(output) as folder:
        weights_path = os.path.join(folder, WEIGHTS)
        saved_model_path = os.path.join(folder, SAVED_MODEL)
        write_network(weights_path, stored_network(record, weights))
        write_saved_model(saved_model_path, weights_path, images.shape[1:])
        difference = {
            WEIGHTS: compare(output, WEIGHTS, network_logits(weights_path, images), logits),
            SAVED_MODEL: compare(output, SAVED_MODEL, saved_model_logits(saved_model_path, images),
                                 logits)}
        checked = {'images': len(images), 'errors': int(np.sum(logits.argmax(axis=1) != labels)),
                   'difference': difference}
        contents = {'train': without_places(record), 'epochs': read_progress(checkpoint).epochs,
                    'checked': checked, 'export': provenance()}
        write_json(os.path.join(folder, RECORD), contents)
    return contents


def check_output(path):
    """Raises UserError unless `path` is that of a new folder which TensorFlow can read."""
    check(not os.path.lexists(path), '%s is there already; expected the path of a new folder', path)
    check(os.fsencode(path) == path.encode('utf-8', 'replace'),
          '%r is not UTF-8; TensorFlow takes no other path', path)


@contextlib.contextmanager
def fresh_session():
    """A session on a graph of its own, on the CPU: a GPU may be taken, and may round to TF32."""
    config = session_config('growth')
    config.device_count['GPU'] = 0
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        yield session


def logits_of(session, x, logits, images):
    """The logits [n, k] of images, BATCH at a time."""
    return np.concatenate([session.run(logits, {x: images[start:start + BATCH]})
                           for start in range(0, len(images), BATCH)])


def run_logits(model, checkpoint, images):
    """A run's own logits [n, k] of images, and its weights as {'fc0/bias': array}, in order."""
    with fresh_session() as session:
        x = tf.placeholder(tf.float32, (None,) + images.shape[1:])
        logits = model(x)
        restore_variables(session, tf.train.Saver(model.state), checkpoint, model.state)
        weights = collections.OrderedDict((variable_name(model, v), session.run(v.read_value()))
                                          for v in model.state)
        return logits_of(session, x, logits, images), weights


def stored_network(record, weights):
    """The StoredNetwork of a run: the contents of its args.json, its weights."""
    args = record['args']
    return StoredNetwork(architecture=args['model'], activation=args['activation_fn'],
                         layer_dims=parse_layer_dims('layer_dims', args['layer_dims']),
                         num_classes=record['num_classes'], image_shape=record['image_shape'],
                         weights=weights)


def write_saved_model(folder, weights_path, image_shape):
    """Writes the network in a weights.npz as a SavedModel.

    The weights are constants of its graph: TensorFlow restores variables by a pattern of file
    names, and so not from below a folder with one of []*?\\ in its name.
    """
    with fresh_session() as session:
        x = tf.placeholder(tf.float32, (None,) + tuple(image_shape), name='images')
        logits = tf.identity(load_network(weights_path)(x), name='logits')
        signature = tf.saved_model.predict_signature_def({'images': x}, {'logits': logits})
        builder = tf.saved_model.Builder(folder)
        builder.add_meta_graph_and_variables(session, SERVING, {SIGNATURE: signature},
                                             strip_default_attrs=True)
        builder.save()


def network_logits(path, images):
    """The logits [n, k] that the network in a weights.npz gives images."""
    with fresh_session() as session:
        x = tf.placeholder(tf.float32, (None,) + images.shape[1:])
        return logits_of(session, x, load_network(path)(x), images)


def saved_model_logits(folder, images):
    """The logits [n, k] that a SavedModel gives images."""
    with fresh_session() as session:
        loaded = tf.saved_model.load(session, SERVING, folder)
        signature = loaded.signature_def[SIGNATURE]
        return logits_of(session, signature.inputs['images'].name,
                         signature.outputs['logits'].name, images)


def compare(output, name, found, expected):
    """The largest difference between logits; raises RunError where it is above TOLERANCE."""
    difference = float(np.abs(found - expected).max())
    bound = TOLERANCE * float(np.abs(expected).max())
    if not difference <= bound:   # not a number is no agreement either
        raise RunError("%s: not written: the logits of %s differ by %g from the run's; expected at "
                       'most %g' % (output, name, difference, bound))
    return difference


def without_places(record):
    """The contents of an args.json without the folders of the machine that trained the run."""
    args = {name: value for name, value in record['args'].items() if name not in TRAIN_PLACES}
    return dict(record, args=args)
