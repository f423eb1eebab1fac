"""Certified radii of a trained run, image by image: certificates.tsv and certificates.json, beside
what the attacks left.
"""
import os
import time

from utils.errors import RunError, UserError, check
from utils.files import make_folder, read_json, write_json
from utils.hyperparameters import module_of

import numpy as np
from absl import logging

from certificates import CERTIFICATES, Activation, Convolution, Dense, MaxPool, Network
from certificates.radius import predictions
from evaluation.export import run_logits, stored_network
from evaluation.partial import PartialResults, test_key
from evaluation.results import write_tsv
from models import build_model
from terminal.progress import ProgressBar
from training.provenance import provenance

KINDS = ('mlp', 'mlp1', 'lenet5')   # architectures whose layers are those of `layers_of`
SCALED = {'lrelu': Activation('lrelu', 0.2), 'softplus10': Activation('softplus', 10.)}
CHECKED = 100   # images on which the network must have the run's own logits
TOLERANCE = 1e-4   # of a difference between logits, as a share of the largest


def layers_of(network):
    """The layers of a StoredNetwork as certificates take them; raises UserError for another
    architecture than KINDS.
    """
    check(network.architecture in KINDS, 'certificates take %s; this network is %s',
          ' and '.join(KINDS), network.architecture)
    activation = SCALED.get(network.activation) or Activation(network.activation)
    layers = []
    names = [name[:-len('/weights')] for name in network.weights if name.endswith('/weights')]
    for name in names:
        weights = network.weights[name + '/weights']
        kind = Convolution if weights.ndim == 4 else Dense
        layers += [kind(weights, network.weights.get(name + '/bias')), activation]
        layers += [MaxPool(2)] * (weights.ndim == 4)
    return layers[:-1]


def read_network(record, checkpoint, images):
    """The certificates.Network of a run; record: the contents of its args.json.

    Raises RunError where its logits in float64 are not the run's own on the first images.
    """
    args = record['args']
    model = build_model(args['model'], record['num_classes'], args['seed'], args['layer_dims'],
                        args['activation_fn'])
    logits, weights = run_logits(model, checkpoint, images[:CHECKED])
    network = Network(layers_of(stored_network(record, weights)), record['image_shape'])
    found = network.forward(np.float64(images[:CHECKED]).reshape(len(logits), -1))[-1]
    difference = float(np.abs(found - logits).max())
    bound = TOLERANCE * float(np.abs(logits).max())
    if not difference <= bound:
        raise RunError("the certified network's logits differ from the run's by %g; expected at "
                       'most %g' % (difference, bound))
    return network


def applicable(names, network):
    """Those of the certificates that apply to a network; a line on the log says why another does
    not. Raises UserError where none does.
    """
    found = []
    for name in names:
        try:
            CERTIFICATES[name](network, np.zeros((0, network.inputs)))
            found.append(name)
        except UserError as error:
            logging.warning('--certificates=%s is left out: %s', name, error)
    check(found, '--certificates is %s; none of them applies to this network', ','.join(names))
    return found


def certify_run(folder, settings, record, checkpoint, split, index, *, resume, overwrite):
    """Writes certificates.tsv and certificates.json into `folder` for the images of a Split.

    settings: {'certificates': names, ...}, what tells this from another certification beside the
    weights and the images; index [n]: the images' places in the dataset. Raises UserError where the
    folder holds other certificates, unless `overwrite`.
    """
    path = os.path.join(folder, 'certificates.json')
    key = test_key(settings, checkpoint, split)
    if os.path.exists(path):
        same = read_json(path).get('key') == key
        check(same or overwrite, '%s is of other certificates, weights, images or code; '
              '--overwrite replaces it, another --working_dir keeps it', path)
        if same and resume:
            logging.info('%s: is finished', path)
            return
        os.remove(path)
    images = split.x.reshape(len(split.x), -1)
    network = read_network(record, checkpoint, split.x)
    names = applicable(settings['certificates'], network)
    predicted, margins = predictions(network.forward(np.float64(images))[-1])
    table = {'index': index, 'label': split.y, 'pred': predicted, 'margin': margins.min(axis=1)}
    make_folder(folder)
    for name in names:
        partial = PartialResults(os.path.join(folder, 'partial_' + name), key, resume)
        table.update(certify_images(name, network, images, partial))
    write_tsv(os.path.join(folder, 'certificates.tsv'), table)
    write_json(path, dict(summarise(table, names), key=key, train=record,
                          test=dict(provenance(), args=settings)))
    for name in names:
        PartialResults(os.path.join(folder, 'partial_' + name), key, True).remove()


def certify_images(name, network, images, partial):
    """{column: array [n]} of one certificate; chunks that `partial` has are not computed again."""
    function = CERTIFICATES[name]
    size = chunk_of(function)
    chunks = []
    with ProgressBar(name, len(images)) as bar:
        for number, start in enumerate(range(0, len(images), size)):
            chunk = partial.load(number)
            if chunk is None:
                some = images[start:start + size]
                begun = time.process_time()
                found = function(network, some)
                seconds = np.full(len(some), (time.process_time() - begun) / len(some))
                chunk = {'radius': found.radius, 'runner_up': found.runner_up, 'seconds': seconds}
                partial.save(number, chunk)
            chunks.append(chunk)
            radius = np.mean(np.concatenate([chunk['radius'] for chunk in chunks]))
            bar.add(len(chunk['radius']), radius=radius)
    return {'%s_%s' % (name, column): np.concatenate([chunk[column] for chunk in chunks])
            for column in ('radius', 'runner_up', 'seconds')}


def chunk_of(function):
    """How many images a certificate takes at a time, as its module says."""
    return module_of(getattr(function, 'func', function)).CHUNK


def summarise(table, names):
    """{'num_examples', 'error', 'certificates': {name: mean and median radius, CPU seconds}}."""
    found = {}
    for name in names:
        radius = table[name + '_radius']
        found[name] = {'mean': float(radius.mean()), 'median': float(np.median(radius)),
                       'seconds': float(table[name + '_seconds'].sum())}
    return {'num_examples': len(table['pred']), 'certificates': found,
            'error': float(np.mean(table['pred'] != table['label']))}
