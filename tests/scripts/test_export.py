"""export.py, from a trained run to files that other programs read."""
import json
import os
import shutil

from utils.errors import RunError
from utils.files import read_json

import numpy as np
import pytest

from datasets import load_dataset
from evaluation import export
from evaluation.networks import read_network, write_network
from tests.running import run_script
from tests.stored import reference_logits
from training.run_folder import RunFolder

# Reads a SavedModel with TensorFlow alone, as a program that knows nothing of this one would.
STRANGER = """
import sys
import numpy as np
import tensorflow.compat.v2 as tf
tf.enable_v2_behavior()
model = tf.saved_model.load(sys.argv[1])
images = tf.constant(np.load('images.npy'))
logits = model.signatures['serving_default'](images=images)['logits']
np.save('logits.npy', logits.numpy())
"""


@pytest.fixture(scope='module')
def runs(scripts, tmp_path_factory):
    """A folder with a trained run of each architecture."""
    folder = tmp_path_factory.mktemp('runs')
    for model, batch_size in (('mlp', 100), ('lenet5', 400)):
        status, _, err = scripts.run(
            'train.py', '--model=' + model, '--name=' + model, '--defense=none',
            '--layer_dims=12', '--niter=1', '--pretrain_niter=0', '--batch_size=%d' % batch_size,
            '--summary_frequency=0', '--train_dir=%s' % folder)
        assert status == 0, err
    return folder


@pytest.mark.parametrize('model', ['mlp', 'lenet5'])
def test_the_files_answer_as_the_run(scripts, runs, tmp_path, model):
    output = tmp_path / 'networks' / model
    run = runs / (model + '_s1')
    status, _, err = scripts.run('export.py', '--load_dir=%s' % run, '--output=%s/' % output)
    assert status == 0, err
    assert os.listdir(str(output.parent)) == [model]
    assert sorted(os.listdir(str(output))) == ['network.json', 'saved_model', 'weights.npz']
    test = load_dataset('digits').test
    expected = reference_logits(read_network(str(output / 'weights.npz')), test.x)
    record = read_json(str(output / 'network.json'))
    errors = np.sum(expected.argmax(axis=1) != test.y)
    assert record['checked']['errors'] == errors and record['checked']['images'] == 400
    assert '_s1  %.2f %%  ' % (errors / 4.) in (run / 'train.log').read_text()
    assert record['epochs'] == 1 and record['train']['args']['model'] == model
    assert not {'train_dir', 'data_dir'} & set(record['train']['args'])
    np.save(str(tmp_path / 'images.npy'), test.x)
    (tmp_path / 'stranger.py').write_text(STRANGER)
    status, _, err = run_script('stranger.py', str(output / 'saved_model'), cwd=str(tmp_path))
    assert status == 0, err
    assert np.allclose(np.load(str(tmp_path / 'logits.npy')), expected, atol=1e-5)


@pytest.mark.parametrize('name', ['[1]*?', 'back\\slash', 'vidé 数 $x "\''])
def test_any_output(scripts, runs, tmp_path, name):
    output = tmp_path / name / 'made'
    status, _, err = scripts.run('export.py', '--load_dir=%s' % (runs / 'mlp_s1'),
                                 '--output=%s' % output)
    assert status == 0, err
    assert (output / 'saved_model' / 'saved_model.pb').exists()


@pytest.mark.parametrize('name', ['[1]', 'back\\slash', 'vidé 数 $x "\''])
def test_any_run_folder(scripts, runs, tmp_path, name):
    shutil.copytree(str(runs / 'mlp_s1'), str(tmp_path / name / 'mlp_s1'))
    status, _, err = scripts.run('export.py', '--load_dir=%s' % (tmp_path / name / 'mlp_s1'),
                                 '--output=%s' % (tmp_path / 'made'))
    assert status == 0, err


def test_other_logits_are_not_written(runs, tmp_path, monkeypatch):
    """A bias that went wrong on its way into the file."""
    def write_spoilt(path, network):
        network.weights['logits/bias'][0] += 0.01
        write_network(path, network)
    monkeypatch.setattr(export, 'write_network', write_spoilt)
    with pytest.raises(RunError) as error:
        export.export_run(RunFolder(str(runs / 'mlp_s1')), str(tmp_path / 'made'))
    assert 'not written: the logits of weights.npz differ by 0.01' in str(error.value)
    assert not os.listdir(str(tmp_path))


def change_args(run, **changes):
    record = json.loads((run / 'args.json').read_text())
    record['args'].update(changes)
    (run / 'args.json').write_text(json.dumps(record))


def remove_checkpoints(run):
    shutil.rmtree(str(run / 'chks'))


def cut_checkpoint(run):
    for path in (run / 'chks').glob('model-*.data-*'):
        path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize('spoil,expected', [
    (lambda run: change_args(run, niter=5), 'has trained 1 of 5 epochs; --unfinished'),
    (lambda run: change_args(run, layer_dims='13'), 'variable model/fc0/weights has shape'),
    (lambda run: change_args(run, model='lenet5'), 'has no variable model/conv0'),
    (lambda run: change_args(run, activation_fn='rely'), "--activation_fn is 'rely'"),
    (lambda run: change_args(run, dataset='no.npz'), 'no.npz: no such file'),
    (remove_checkpoints, 'holds no checkpoint'),
    (cut_checkpoint, 'not a readable checkpoint'),
    (lambda run: (run / 'args.json').unlink(), 'holds no args.json'),
])
def test_a_bad_run_is_one_line_and_leaves_nothing(scripts, runs, tmp_path, spoil, expected):
    run = tmp_path / 'mlp_s1'
    shutil.copytree(str(runs / 'mlp_s1'), str(run))
    spoil(run)
    assert_refused(scripts, expected, '--load_dir=%s' % run, '--output=%s' % (tmp_path / 'made'))
    assert os.listdir(str(tmp_path)) == ['mlp_s1']


def test_bad_flags_are_one_line(scripts, runs, tmp_path):
    load_dir = '--load_dir=%s' % (runs / 'mlp_s1')
    (tmp_path / 'file').write_text('')
    (tmp_path / 'link').symlink_to('nowhere')
    for name in ('', 'file', 'link', '.'):
        assert_refused(scripts, 'is there already', load_dir, '--output=%s' % (tmp_path / name))
    assert_refused(scripts, 'cannot make the folder', load_dir,
                   '--output=%s' % (tmp_path / 'file' / 'made'))
    assert_refused(scripts, 'File name too long', load_dir,
                   '--output=%s' % (tmp_path / ('x' * 250)))
    assert_refused(scripts, 'is not UTF-8', load_dir,
                   '--output=' + str(tmp_path / os.fsdecode(b'latin-\xe9')))
    assert_refused(scripts, '--output is missing', load_dir)
    assert_refused(scripts, '--load_dir is missing', '--output=%s' % (tmp_path / 'made'))
    assert_refused(scripts, 'no such run folder', '--load_dir=nowhere',
                   '--output=%s' % (tmp_path / 'made'))
    assert sorted(os.listdir(str(tmp_path))) == ['file', 'link']


def assert_refused(scripts, expected, *arguments):
    status, out, err = scripts.run('export.py', *arguments)
    assert (status, out) == (2, ''), err
    assert expected in err and len(err.splitlines()) == 1, err


def test_an_unfinished_run_when_asked_for(scripts, runs, tmp_path):
    run = tmp_path / 'mlp_s1'
    shutil.copytree(str(runs / 'mlp_s1'), str(run))
    change_args(run, niter=5)
    status, _, err = scripts.run('export.py', '--load_dir=%s' % run, '--unfinished',
                                 '--output=%s' % (tmp_path / 'made'))
    assert status == 0, err
    assert read_json(str(tmp_path / 'made' / 'network.json'))['epochs'] == 1


def test_an_export_is_attacked_as_its_run_is(scripts, runs, tmp_path):
    output = tmp_path / 'mlp_s1'
    status, _, err = scripts.run('export.py', '--load_dir=%s' % (runs / 'mlp_s1'),
                                 '--output=%s' % output)
    assert status == 0, err
    found = []
    for load_dir in (runs / 'mlp_s1', output):
        results = tmp_path / ('test_%d' % len(found))
        status, _, err = scripts.run('test.py', '--load_dir=%s' % load_dir, '--attacks=fgsm',
                                     '--num_examples=50', '--working_dir=%s' % results)
        assert status == 0, err
        found.append((results / 'mlp_s1' / 'results.tsv').read_text())
    assert found[0] == found[1] and found[0].count('\n') == 51
