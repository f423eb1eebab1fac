"""A defense, an attack, a dataset and a model: each is one new file and one line of a registry."""
import json
import re
import shutil

import pytest

from tests.preloaded import Preloaded
from tests.running import ROOT

DEFENSE = '''"""Training on images that are one shade brighter."""
import tensorflow.compat.v1 as tf

from training.objective import classifier_alone
from utils.ops import nll

HELP = {'shade': 'how much brighter the images are'}


def losses(model, x, y, *, shade=0.25):
    """The NLL of the labels on x + shade."""
    logits = model(x)
    return classifier_alone(logits, lambda: tf.reduce_mean(nll(model(x + shade), y)))
'''
ATTACK = '''"""One step of a given length towards grey."""
import tensorflow.compat.v1 as tf

from attacks.contract import Adversarial

SHARED = ('box',)
HELP = {'gamma': 'share of the way to grey'}


def grey(model, x, y, *, gamma=0.5, box=True):
    """x moved to 1/2, every image alike."""
    return Adversarial(x + gamma * (0.5 - x), tf.ones_like(y))
'''
DATASET = '''"""Stripes: the class is the row that is bright."""
import numpy as np


def stripes(unused_data_dir):
    """((x_train, y_train), (x_test, y_test)) of 60 and 20 images, 8 x 8."""
    y = np.arange(80, dtype=np.int32) % 4
    x = np.zeros((80, 8, 8, 1), np.float32)
    x[np.arange(80), y] = 1.
    return (x[:60], y[:60]), (x[60:], y[60:])
'''
MODEL = '''"""A linear classifier."""
from models.layers import flatten

LAYER_DIMS = (1,)


def linear(layers, x, num_classes, *, layer_dims=LAYER_DIMS, activation_fn=None):
    """[n, h, w, c] -> logits [n, num_classes]."""
    return layers.dense(flatten(x), num_classes, 'logits', decay=False)
'''
# file, its text, the registry, its line, the import
PARTS = [
    ('defenses/brighter.py', DEFENSE, 'defenses/__init__.py', "    'brighter': brighter,\n",
     'from defenses import brighter\n', 'DEFENSES = {\n'),
    ('attacks/grey.py', ATTACK, 'attacks/__init__.py', "    'grey': grey,\n",
     'from attacks.grey import grey\n', 'ATTACKS = {\n'),
    ('datasets/stripes.py', DATASET, 'datasets/__init__.py', "    'stripes': stripes,\n",
     'from datasets.stripes import stripes\n', 'DATASETS = {\n'),
    ('models/linear.py', MODEL, 'models/__init__.py', "    'linear': linear,\n",
     'from models.linear import linear\n', 'MODELS = {\n'),
]
TRAIN = ['train.py', '--defense=brighter', '--dataset=stripes', '--model=linear', '--niter=1',
         '--pretrain_niter=0', '--lr=0.1', '--batch_size=10']


@pytest.fixture(scope='module')
def enlarged(tmp_path_factory):
    """The folder of a copy of the program with the four parts, and what runs its scripts."""
    folder = tmp_path_factory.mktemp('enlarged') / 'program'
    shutil.copytree(ROOT, str(folder), ignore=shutil.ignore_patterns(
        '.*', 'results', 'docs', '__pycache__', 'demo', 'runs', 'runs_*', 'data', 'build'))
    for path, text, registry, line, imported, opening in PARTS:
        (folder / path).write_text(text)
        source = (folder / registry).read_text()
        assert opening in source
        source = source.replace(opening, imported + '\n' + opening + line)
        (folder / registry).write_text(source)
    with Preloaded(tmp_path_factory.mktemp('output'), folder) as scripts:
        yield folder, scripts


@pytest.mark.slow
def test_new_parts_train_and_attack_with_their_flags(enlarged):
    program, scripts = enlarged
    status, _, err = scripts.run(*TRAIN, '--shade=0.125')
    assert status == 0, err
    folder = program / 'runs' / 'brighter_s1'
    args = json.loads((folder / 'args.json').read_text())['args']
    assert args['shade'] == 0.125 and args['dataset'] == 'stripes' and args['model'] == 'linear'
    status, _, err = scripts.run('test.py', '--load_dir=runs/brighter_s1', '--attacks=grey',
                                 '--grey_gamma=0.75')
    assert status == 0, err
    summary = json.loads((program / 'test' / 'brighter_s1' / 'summary.json').read_text())
    assert summary['test']['attacks'] == {'grey': {'gamma': 0.75, 'box': True}}
    header = (program / 'test' / 'brighter_s1' / 'results.tsv').read_text().split('\n')[0]
    assert 'grey_rho' in header.split('\t')


@pytest.mark.slow
@pytest.mark.parametrize('script,phrases', [
    ('train.py', ['--shade: how much brighter the images are (brighter: 0.25)', 'stripes',
                  'linear']),
    ('test.py', ['--grey_gamma: share of the way to grey (grey: 0.5)', 'grey, ']),
])
def test_help_names_new_parts(enlarged, script, phrases):
    status, out, err = enlarged[1].run(script, '--help')
    assert status == 0, err
    text = re.sub(r'\s+', ' ', out)
    for phrase in phrases:
        assert phrase in text, phrase


@pytest.mark.slow
@pytest.mark.parametrize('arguments,message', [
    (TRAIN + ['--lmbd=1'], '--lmbd is not a hyper-parameter of the defense brighter; it takes '
                           'shade'),
    (TRAIN + ['--shade=-1'], 'shade'),
    (['test.py', '--load_dir=runs/x', '--grey_gamma=high'], 'grey_gamma'),
])
def test_errors_name_new_flags(enlarged, arguments, message):
    status, _, err = enlarged[1].run(*arguments)
    lines = [line for line in err.split('\n') if '.py: error:' in line]
    assert status == 2 and len(lines) == 1 and message in lines[0], err
