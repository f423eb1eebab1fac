"""Run and results folders of what XLA trained and attacked:
python -m benchmarks.xla.record FOLDER OUT MNIST TRAIN_DIR WORKING_DIR REVISION DEVICE.

FOLDER comes from export_run.py, OUT from run.py and attack.py. TRAIN_DIR/<run> is what train.py
would have left, with the classifier alone in its checkpoint: test.py and export.py take it.
WORKING_DIR/<run> is what test.py would have left, without pictures, PSNR and SSIM. REVISION is
that of the exported code, DEVICE the name of what it ran on.
"""
import json
import os
import sys

from utils.files import make_folder, write_json
from utils.hyperparameters import as_text

import numpy as np
import tensorflow.compat.v1 as tf

from attacks import ATTACKS
from benchmarks.xla.export_attack import SETTINGS
from datasets import load_dataset
from evaluation.judge import Chosen, reached
from evaluation.results import (
    ATTACK_COLUMNS,
    CLEAN_COLUMNS,
    OLDER_COLUMNS,
    columns,
    summarise,
    write_tsv,
)
from models import build_model
from training.checkpoints import Checkpoints, Progress
from training.run_folder import RunFolder

BATCH = 1000   # images whose margins are taken at once


def record_of(info, data, revision, device):
    """The contents of args.json."""
    args = dict(info['args'], validation_size=len(data.validation.y), data_dir='data')
    return {'args': args, 'image_shape': list(data.train.x.shape[1:]),
            'num_classes': int(data.train.y.max()) + 1, 'git_revision': revision,
            'versions': {'tensorflow': tf.__version__, 'numpy': np.__version__},
            'program': 'benchmarks.xla.run', 'device': device}


def save_checkpoint(folder, record, weights, epochs, images):
    """Writes the classifier's weights as the checkpoint of a run that has trained `epochs`; returns
    the margins [n] of images [n, ...], as results.tsv has them.
    """
    args = record['args']
    with tf.Graph().as_default():
        model = build_model(args['model'], record['num_classes'], args['seed'],
                            args['layer_dims'], args['activation_fn'])
        x = tf.placeholder(tf.float32, [None] + record['image_shape'])
        top = tf.nn.top_k(model(x), 2).values
        checkpoints = Checkpoints(folder)
        feeds = [(variable, tf.placeholder(tf.float32, variable.shape))
                 for variable in model.variables]
        assign = [variable.assign(feed) for variable, feed in feeds]
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            session.run(assign, {feed: weights[variable.op.name.replace('/', '|')]
                                 for variable, feed in feeds})
            checkpoints.save(session, epochs, Progress(epochs, 0, {}))
            found = [session.run(top, {x: images[start:start + BATCH]})
                     for start in range(0, len(images), BATCH)]
    return np.subtract(*np.concatenate(found).T)


def table_of(out, names, labels, margins):
    """results.tsv of the attacks `names`, whose files in OUT are of equally many images; margins:
    of all images, None where the network is lost.
    """
    found = {name: np.load(os.path.join(out, 'attack_%s.npz' % name)) for name in names}
    first = found[names[0]]
    n = len(first['pred'])
    clean = {key: first[key] for key in ('pred', 'conf')}
    table = dict(clean, index=np.arange(n), label=labels[:n])
    if margins is not None:
        table['margin'] = margins[:n]
    for name in names:
        values = {key: found[name][key] for key in ('l2', 'rho', 'iterations')}
        values.update({key: found[name]['adv_' + key] for key in clean})
        chosen = Chosen(ATTACKS[name], SETTINGS[name])
        values['success'] = reached(chosen, labels[:n], clean, values).astype(np.int32)
        table.update({'%s_%s' % (name, column): values[column] for column in ATTACK_COLUMNS})
    known = CLEAN_COLUMNS if 'margin' in table else OLDER_COLUMNS
    return {key: table[key] for key in columns(names, known)}


def main(folder, out, mnist, train_dir, working_dir, revision, device):
    """Writes both folders; without weights.npz in OUT only the results."""
    with open(os.path.join(folder, 'run.json')) as stream:
        info = json.load(stream)
    data = load_dataset('mnist', mnist, info['args']['validation_size'])
    record = record_of(info, data, revision, device)
    record['args']['train_dir'] = train_dir
    run = RunFolder(os.path.join(train_dir, '%(name)s_s%(seed)d' % record['args']))
    run.create(record, resume=True)
    with open(os.path.join(out, 'metrics.jsonl')) as stream:
        rows = [json.loads(line) for line in stream]
    run.write_metrics(rows)
    margins = None
    if os.path.exists(os.path.join(out, 'weights.npz')):
        margins = save_checkpoint(run.checkpoints, record,
                                  np.load(os.path.join(out, 'weights.npz')), len(rows),
                                  data.test.images(slice(None)))
    with open(os.path.join(out, 'test.json')) as stream:
        error = json.load(stream)['error']
    groups = [[name for name in SETTINGS if name != 'carlini'], ['carlini']]
    for suffix, group in zip(('', '_ca'), groups):
        names = [name for name in group
                 if os.path.exists(os.path.join(out, 'attack_%s.npz' % name))]
        if names:
            table = table_of(out, names, data.test.y, margins)
            place = make_folder(os.path.join(working_dir + suffix, run.name))
            run.copy_record(place)
            write_tsv(os.path.join(place, 'results.tsv'), table)
            settings = {name: as_text(SETTINGS[name]) for name in names}
            test = {'args': {'split': 'test', 'num_examples': len(table['label'])},
                    'attacks': settings, 'git_revision': revision, 'device': device}
            write_json(os.path.join(place, 'summary.json'),
                       dict(summarise(table), train=record, test=test, split_error=error,
                            split_examples=len(data.test.y)))


if __name__ == '__main__':
    main(*sys.argv[1:])
