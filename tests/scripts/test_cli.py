"""The command line: help, bad input, and a run from training to the report."""
import glob
import json
import os
import re

import numpy as np
import pytest

from evaluation.results import read_tsv, relative_norms
from tests.running import start_script

TINY = ['--niter=1', '--layer_dims=16', '--batch_size=400', '--seed=1']
TINY_CRITIC = TINY + ['--critic_layer_dims=16', '--attack_iter=2', '--lmbd=0.1']


def test_help_shows_every_hyperparameter_with_the_defenses_that_take_it(scripts):
    status, out, err = scripts.run('train.py', '--help')
    assert status == 0, err
    text = ' '.join(out.split())
    for flag, phrase in (('vat_xi', '(vat: 0.01)'), ('pgd_ord', '(pgd_at: linf)'),
                         ('lmbd', '(margin: 0.1)'), ('lmbd_rec_l2', '(critic: 0.01)'),
                         ('attack_label_smoothing', '(critic: 0.0)'), ('critic_lr',
                                                                       '(critic: 0.001)')):
        assert '%s:' % flag in text and phrase in text, flag


def train(scripts, folder, *arguments):
    status, out, err = scripts.run('train.py', '--train_dir=' + str(folder), *arguments)
    assert status == 0, err
    return err


def check_saved(folder, attack):
    """The saved images of an attack have the norms and the summary that are recorded."""
    table = read_tsv(os.path.join(folder, 'results.tsv'))
    saved = np.load(os.path.join(folder, 'adv_%s.npz' % attack), allow_pickle=False)
    l2, rho = relative_norms(saved['x'], saved['x_adv'])
    assert np.array_equal(rho, table[attack + '_rho'])
    assert np.array_equal(l2, table[attack + '_l2'])
    assert np.array_equal(saved['y'], table['label'])
    assert saved['x_adv'].min() >= 0 and saved['x_adv'].max() <= 1
    summary = json.load(open(os.path.join(folder, 'summary.json')))['attacks'][attack]
    wrong, failed = table['pred'] != table['label'], table[attack + '_success'] == 0
    counted = wrong | (rho > 0)
    assert summary['rho'] == pytest.approx(rho[counted].mean(), rel=1e-12)
    assert summary['failed'] == (failed & ~wrong).sum()
    assert summary['psnr'] > 5 and 0 < summary['ssim'] < 1


@pytest.mark.slow
def test_from_training_to_the_report(scripts, tmp_path):
    root = str(tmp_path)
    runs, tests, tests_ca = (os.path.join(root, name)
                             for name in ('runs_mlp', 'test_mlp', 'test_mlp_ca'))
    train(scripts, runs, '--defense=none', *TINY)
    train(scripts, runs, '--defense=critic', *TINY_CRITIC)
    run = os.path.join(runs, 'critic_s1')
    assert {'args.json', 'chks', 'samples', 'train.log', 'metrics.jsonl'} <= set(os.listdir(run))
    assert any(name.startswith('events.out') for name in os.listdir(run))
    args = json.load(open(os.path.join(run, 'args.json')))
    assert args['args']['lmbd'] == 0.1 and args['args']['lmbd_grad'] == 10. and args['versions'][
        'tensorflow']
    rows = [json.loads(line) for line in open(os.path.join(run, 'metrics.jsonl'))]
    assert [(row['phase'], row['epoch']) for row in rows] == [('pretrain', 1), ('train', 1)]
    assert {'orig-1.png', 'adv-1.png', 'rec-1.png', 'deepfool-1.png',
            'curves.png'} <= set(os.listdir(os.path.join(run, 'samples')))

    for name in ('none_s1', 'critic_s1'):
        load = '--load_dir=' + os.path.join(runs, name)
        for arguments in ([
                load, '--working_dir=' + tests, '--num_examples=30', '--batch_size=20', '--save_adv'
        ], [
                load, '--working_dir=' + tests_ca, '--num_examples=30', '--carlini',
                '--carlini_max_iter=100', '--carlini_binary_steps=4', '--save_adv'
        ]):
            status, out, err = scripts.run('test.py', *arguments)
            assert status == 0, err
    table = read_tsv(os.path.join(tests, 'critic_s1', 'results.tsv'))
    assert sorted(table['index']) == list(range(30)) and (np.diff(table['label']) >= 0).all()
    for attack, folder in (('deepfool', tests), ('high_confidence', tests), ('carlini', tests_ca)):
        check_saved(os.path.join(folder, 'critic_s1'), attack)

    again = ['test.py', load, '--working_dir=' + tests, '--num_examples=20', '--attacks=fgsm']
    before = open(os.path.join(tests, 'critic_s1', 'summary.json')).read()
    status, out, err = scripts.run(*again)
    assert status == 2 and 'holds the results of another test' in err
    assert open(os.path.join(tests, 'critic_s1', 'summary.json')).read() == before

    status, out, err = scripts.run('report.py', '--results_dir=' + root)
    assert status == 0, err
    assert ('| Defense | Test error, % | DeepFool | Carlini-Wagner | High-confidence (paper) | '
            'Worst case |') in out
    assert '| adversary critic |' in out
    status, out, err = scripts.run(*(again + ['--overwrite']))
    assert status == 0, err
    assert list(json.load(open(os.path.join(tests, 'critic_s1',
                                            'summary.json')))['attacks']) == ['fgsm']
    assert not glob.glob(os.path.join(tests, 'critic_s1', 'adv_*.npz'))
    assert {
        'table.md', 'table.csv', 'table.tex', 'examples_mlp_digits_carlini.png',
        'perturbations_mlp_digits_deepfool.svg',
        'training_mlp_digits_none_s1.png'
    } <= set(os.listdir(os.path.join(root, 'report')))


def checkpoint_values(run):
    import tensorflow.compat.v1 as tf
    reader = tf.train.NewCheckpointReader(tf.train.latest_checkpoint(os.path.join(run, 'chks')))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_weights_and_a_finished_one_is_left(scripts, tmp_path):
    whole, parts = str(tmp_path / 'whole'), str(tmp_path / 'parts')
    arguments = [a for a in TINY_CRITIC if not a.startswith('--niter')] + ['--summary_frequency=0']
    train(scripts, whole, '--niter=2', *arguments)
    train(scripts, parts, '--niter=1', *arguments)
    status, _, err = scripts.run('train.py', '--train_dir=' + parts, '--niter=2', *arguments)
    assert status == 2 and 'holds a run already; --resume=True continues it' in err
    status, _, err = scripts.run('train.py', '--train_dir=' + parts, '--niter=2', '--resume',
                                '--lr=0.1', *arguments)
    assert status == 2 and 'was started with --lr=0.0005; this run has 0.1' in err
    args_path = os.path.join(parts, 'critic_s1', 'args.json')
    args = json.load(open(args_path))
    with open(args_path, 'w') as stream:
        json.dump(dict(args, git_revision='before'), stream)
    train(scripts, parts, '--niter=2', '--resume', *arguments)
    assert json.load(open(args_path))['earlier_revisions'] == ['before']
    expected, got = (checkpoint_values(os.path.join(folder, 'critic_s1'))
                     for folder in (whole, parts))
    assert set(expected) == set(got) and all(
        np.array_equal(expected[name], got[name]) for name in expected)
    newest = max(glob.glob(os.path.join(parts, 'critic_s1', 'chks', '*.index')),
                 key=os.path.getmtime)
    before = os.stat(newest).st_mtime
    assert 'is finished' in train(scripts, parts, '--niter=2', '--resume', *arguments)
    assert os.stat(newest).st_mtime == before
    assert len(open(os.path.join(parts, 'critic_s1', 'metrics.jsonl')).readlines()) == 3

    args = json.load(open(args_path))
    args['args']['layer_dims'] = '17'
    with open(args_path, 'w') as stream:
        json.dump(args, stream)
    status, _, err = scripts.run('test.py', '--load_dir=' + os.path.join(parts, 'critic_s1'),
                                '--working_dir=' + str(tmp_path / 't'))
    assert status == 2, err
    fault = 'variable model/fc0/weights has shape [784, 16]; the model expects [784, 17]'
    assert fault in err, err
    assert not (tmp_path / 't').exists()


@pytest.mark.slow
def test_a_pool_on_half_of_the_images_resumes_to_the_same_weights(scripts, tmp_path):
    arguments = ['--defense=lbfgs_pool', '--model=fc', '--layer_dims=12-10', '--pretrain_niter=0',
                 '--split=p2', '--validation_size=700', '--pool_size=30',
                 '--pool_new=4', '--pool_every=2', '--pool_max_iter=3', '--pool_search_steps=2',
                 '--summary_frequency=0']
    train(scripts, str(tmp_path / 'whole'), '--niter=2', *arguments)
    train(scripts, str(tmp_path / 'parts'), '--niter=1', *arguments)
    status, _, err = scripts.run('train.py', '--train_dir=%s' % (tmp_path / 'parts'), '--niter=2',
                                 '--resume', *(a.replace('p2', 'p1') for a in arguments))
    assert status == 2 and "was started with --split=p2; this run has p1" in err, err
    train(scripts, str(tmp_path / 'parts'), '--niter=2', '--resume', *arguments)
    whole, parts = (checkpoint_values(str(tmp_path / folder / 'lbfgs_pool_s1'))
                    for folder in ('whole', 'parts'))
    labels = [name for name in whole if re.search(r'pool\d/labels', name)]
    assert len(labels) == 1 and (whole[labels[0]] >= 0).any()
    assert set(whole) == set(parts) and all(
        np.array_equal(whole[name], parts[name]) for name in whole)


@pytest.mark.slow
def test_two_processes_with_one_seed_end_with_the_same_weights(tmp_path):
    """At the size of section 5; with TensorFlow's graph rewriter on, they differ in the last
    digits.
    """
    arguments = [
        'train.py', '--niter=3', '--pretrain_niter=0', '--validation_size=1297',
        '--summary_frequency=0', '--train_dir'
    ]
    running = [start_script(*(arguments + [str(tmp_path / name)])) for name in 'ab']
    for process in running:
        _, err = process.communicate()
        assert process.returncode == 0, err
    first, second = (checkpoint_values(str(tmp_path / name / 'critic_s1')) for name in 'ab')
    assert len(first) > 40 and all(
        np.asarray(first[name]).tobytes() == np.asarray(second[name]).tobytes() for name in first)


@pytest.mark.slow
def test_the_first_losses_are_the_same_in_both_runtimes(scripts, tmp_path):
    """Digits, seed 1, a step an epoch; the numbers were printed by TensorFlow 1.15.0 and agree with
    2.21.0 to 1e-4.
    """
    train(scripts, tmp_path, '--niter=1', '--pretrain_niter=1', '--layer_dims=100',
          '--critic_layer_dims=100', '--batch_size=2000', '--summary_frequency=0')
    rows = [json.loads(line) for line in open(str(tmp_path / 'critic_s1' / 'metrics.jsonl'))]
    assert rows[0]['loss'] == pytest.approx(FIRST_LOSSES['pretrain'], abs=1e-4)
    assert rows[1]['loss'] == pytest.approx(FIRST_LOSSES['loss'], abs=1e-4)
    assert rows[1]['critic_loss'] == pytest.approx(FIRST_LOSSES['critic_loss'], abs=1e-4)


FIRST_LOSSES = {'pretrain': 2.447125, 'loss': 2.724853, 'critic_loss': 4.567427}
