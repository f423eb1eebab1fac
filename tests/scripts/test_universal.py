"""train_universal.py and test.py --universal: the frozen classifier, resuming, bad input."""
import json
import os
import signal

import numpy as np
import pytest

from tests.preloaded import wait_for
from tests.scripts.surviving import metrics, one_error, variables
from training.checkpoints import found

RUN = ['train_universal.py', '--niter=2', '--train_size=120', '--batch_size=8', '--xi=0.3',
       '--name=nag', '--seed=3']


@pytest.fixture(scope='module')
def classifiers(scripts, tmp_path_factory):
    """The folder of a classifier, and of one of images of another size."""
    folder = tmp_path_factory.mktemp('classifiers')
    small = str(folder / 'small.npz')
    np.savez(small, x_train=np.ones((60, 8, 8)), y_train=np.arange(60) % 10,
             x_test=np.ones((4, 8, 8)), y_test=np.arange(4) % 2)
    for name, *arguments in (('none',), ('small', '--dataset=' + small)):
        status, _, err = scripts.run(
            'train.py', '--defense=none', '--name=' + name, '--layer_dims=32', '--niter=2',
            '--pretrain_niter=0', '--summary_frequency=0', '--train_dir=%s' % folder, *arguments)
        assert status == 0, err
    return folder


def bytes_of(folder):
    """{file: its bytes} of everything below a folder."""
    return {path: open(path, 'rb').read() for place, _, names in os.walk(str(folder))
            for path in (os.path.join(place, name) for name in names)}


@pytest.fixture(scope='module')
def generator(scripts, classifiers, tmp_path_factory):
    """A generator that was never stopped; its classifier is as it was, to the byte."""
    folder = tmp_path_factory.mktemp('generator')
    before = bytes_of(classifiers)
    status, _, err = scripts.run(*RUN, '--load_dir=%s' % (classifiers / 'none_s1'),
                                 '--train_dir=%s' % folder)
    assert status == 0, err
    assert bytes_of(classifiers) == before
    return folder / 'nag_s3'


def test_the_checkpoint_holds_the_generator_alone(generator, classifiers):
    names = set(variables(generator))
    assert {name.split('/')[0] for name in names if '/' in name} == {'generator'}
    assert {name for name in names if '/' not in name} <= {'step', 'progress', 'beta1_power',
                                                           'beta2_power'}
    args = json.loads((generator / 'args.json').read_text())['args']
    assert args['classifiers'] == 'none_s1' and len(args['classifiers_sha256']) == 64
    assert 'load_dir' not in args and args['nag_loss'] == 'batch_log' and args['lmbd'] == 1
    row = metrics(generator)[-1]
    assert row['val_fooled'] >= 0 and -1 <= row['cosine'] <= 1 and row['fooled'] > 0
    assert {'delta-2.png', 'adv-2.png', 'curves.png'} <= set(os.listdir(str(generator / 'samples')))


def test_killed_and_resumed_it_ends_with_the_same_bytes(scripts, generator, classifiers, tmp_path):
    command = RUN + ['--load_dir=%s' % (classifiers / 'none_s1'), '--train_dir=%s' % tmp_path]
    run = tmp_path / 'nag_s3'
    started = scripts.start(*command)
    wait_for(lambda: found(str(run / 'chks')))
    os.kill(started.pid, signal.SIGTERM)
    assert started.wait()[0] in (143, -signal.SIGTERM)
    assert len(metrics(run)) < 2 if (run / 'metrics.jsonl').exists() else True
    status, _, err = scripts.run(*command, '--resume')
    assert status == 0, err
    got, expected = variables(run), variables(generator)
    assert set(got) == set(expected)
    for name, value in expected.items():
        assert np.asarray(got[name]).tobytes() == np.asarray(value).tobytes(), name
    assert metrics(run) == metrics(generator)
    status, _, err = scripts.run(*command, '--resume', '--xi=0.4')
    assert status == 2 and 'was started with --xi=0.3; this run has 0.4' in one_error(err)
    record = json.loads((run / 'args.json').read_text())
    record['args']['classifiers_sha256'] = 64 * '0'
    (run / 'args.json').write_text(json.dumps(record))
    status, _, err = scripts.run(*command, '--resume')
    assert status == 2 and '--classifiers_sha256=0000' in one_error(err)


def test_bad_input_is_one_line(scripts, generator, classifiers, tmp_path):
    none, small = classifiers / 'none_s1', classifiers / 'small_s1'
    cases = [(['--load_dir='], '--load_dir is empty'),
             (['--load_dir=%s' % (tmp_path / 'nowhere')], 'nowhere: no such run folder'),
             (['--load_dir=%s' % none, '--xi=0'], '--xi is 0.0; expected a number above 0'),
             (['--load_dir=%s' % none, '--xi=-1'], '--xi'),
             (['--load_dir=%s,%s' % (none, small)],
              'its images are [8, 8, 1]; expected [28, 28, 1]'),
             (['--load_dir=%s' % none, '--nag_feature=fc7'], "layer is 'fc7'"),
             (['--load_dir=%s' % generator], "--model is 'generator'")]
    for arguments, message in cases:
        status, _, err = scripts.run('train_universal.py', '--train_dir=%s' % (tmp_path / 'runs'),
                                     *arguments)
        assert status == 2 and message in one_error(err), err
        assert not (tmp_path / 'runs').exists()


def test_it_is_measured_and_tabulated(scripts, generator, classifiers, tmp_path):
    folder = tmp_path / 'test_nag'
    command = ['test.py', '--universal=%s' % generator, '--universal_deltas=4',
               '--num_examples=50', '--working_dir=%s' % folder,
               '--load_dir=%s' % (classifiers / 'none_s1')]
    status, _, err = scripts.run(*command, '--baselines=mean_fgsm,random_sign')
    assert status == 0, err
    place = folder / 'nag_s3@none_s1'
    assert {'deltas.png', 'adv.png', 'orig.png'} == set(os.listdir(str(place / 'samples')))
    record = json.loads((place / 'universal.json').read_text())
    assert record['white_box'] and record['images'] == 50
    assert set(record['baselines']) == {'mean_fgsm', 'random_sign'}
    found = record['generator']
    assert abs(found['error'] - found['fooling_mean']) <= record['clean_error'] + 1e-9
    assert len(found['interpolation']) == 10 and found['deltas'] == 4
    with np.load(str(place / 'deltas.npz')) as arrays:
        assert np.abs(arrays['deltas']).max() <= 0.3 + 1e-6
    assert str(tmp_path) not in (place / 'universal.json').read_text()
    status, _, err = scripts.run(*command, '--resume')
    assert status == 2 and 'holds another measurement' in one_error(err)
    status, out, err = scripts.run('report.py', '--table=nag', '--published',
                                   '--results_dir=%s' % tmp_path)
    assert status == 0 and '| none | linf 0.3 | NAG, batch_log, λ 1, 120 images, 2 epochs |' in out
    assert '| none | linf 0.3 | mean of FGSM signs | 1 |' in out and 'ResNet-152' in out
    for arguments, message in (
            (['--universal=%s' % (classifiers / 'none_s1')], 'is the run of a classifier, mlp'),
            (['--load_dir=%s' % (classifiers / 'small_s1')], 'makes images of [28, 28, 1]'),
            (['--baselines=best'], "--baselines is 'best'"),
            (['--carlini'], '--universal takes the place of --carlini')):
        status, _, err = scripts.run(*command, *arguments)
        assert status == 2 and message in one_error(err), err
