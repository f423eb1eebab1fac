"""Bad input: one line on stderr that names what is wrong, and exit status 2."""
import json
import os

import numpy as np


def write_bad_run(folder, args=None):
    os.makedirs(str(folder / 'chks'))
    if args is not None:
        (folder / 'args.json').write_text(json.dumps(args))
    return str(folder)


def bad_commands(tmp_path):
    """[(arguments, what the error says)]."""
    data = tmp_path / 'data'
    data.mkdir()
    (data / 'train-images-idx3-ubyte').write_bytes(b'\0\0\x08\x03short')
    good = dict(
        args=dict(dataset='digits', data_dir='data', validation_size=232, model='mlp', seed=1,
                  layer_dims='16', name='x', niter=1, pretrain_niter=0, defense='none',
                  activation_fn='relu'), num_classes=10, image_shape=[28, 28, 1])
    bad = dict(good, args=dict(good['args'], layer_dims=[16]))
    tiny = str(tmp_path / 'tiny.npz')
    np.savez(tiny, x_train=np.ones((12, 8, 8)), y_train=np.arange(12) % 2,
             x_test=np.ones((4, 8, 8)), y_test=np.arange(4) % 2)
    lost = tmp_path / 'runs' / 'lost_s1' / 'chks'
    lost.mkdir(parents=True)
    (lost / 'checkpoint').write_text('garbage')
    return [
        (['train.py', '--lmdb=1'], "Unknown command line flag 'lmdb'"),
        (['train.py', 'critic'], "unexpected argument 'critic'"),
        (['train.py', '--batch_size=0'], '--batch_size'),
        (['train.py', '--lmbd=-1'], '--lmbd'),
        (['train.py', '--defense=critics'], "--defense is 'critics'"),
        (['train.py', '--defense=none', '--lmbd=1'],
         '--lmbd is not a hyper-parameter of the defense none'),
        (['train.py', '--model=resnet'], "--model is 'resnet'"),
        (['train.py', '--dataset=mnist', '--data_dir=%s' % data],
         'is missing (with or without .gz)'),
        (['train.py', '--dataset=no.npz'], 'no.npz: no such file'),
        (['test.py'], '--load_dir is missing'),
        (['test.py', '--carlini=True',
          '--load_dir=%s' % (tmp_path / 'nowhere')], 'nowhere: no such run folder'),
        (['test.py', '--load_dir=%s' % write_bad_run(tmp_path / 'empty')], 'holds no args.json'),
        (['test.py', '--load_dir=%s' % write_bad_run(tmp_path / 'poor', {'args': {}})],
         'entry dataset is None; expected str'),
        (['test.py', '--load_dir=%s' % write_bad_run(tmp_path / 'listed', bad)],
         'entry layer_dims is [16]; expected str'),
        (['train.py', '--dataset=' + tiny,
          '--model=lenet5'], 'lenet5 takes images of at least 16 x 16; these are 8 x 8'),
        (['train.py', '--lr=nan'], '--lr is nan; expected a finite number'),
        (['train.py', '--seed=4294967296'], '--seed'),
        (['train.py', '--layer_dims=12-'], "--layer_dims is '12-'"),
        (['train.py', '--name=lost', '--layer_dims=8', '--critic_layer_dims=8',
          '--attack_iter=1'], 'holds a run already'),
        (['test.py',
          '--load_dir=%s' % write_bad_run(tmp_path / 'unsaved', good)], 'holds no checkpoint'),
        (['test.py', '--load_dir=x', '--attack_epsilon=-0.1'], '--attack_epsilon'),
        (['test.py', '--load_dir=x', '--attacks=deepfol'], "--attacks is 'deepfol'"),
        (['test.py', '--load_dir=x', '--hc_confidence=2'], 'expected a number in (0, 1]'),
        (['generate_script.py', '--defenses=magic'], "--defenses is 'magic'"),
        (['generate_script.py', '--preset=long'], 'preset'),
        (['generate_script.py',
          '--carlini'], '--carlini is a test; expected --train=False with it'),
        (['report.py', '--results_dir=%s' % (tmp_path / 'nowhere')], 'there is no such folder'),
        (['train.py', '--critic_lr_decay_step=0', '--layer_dims=8',
          '--attack_iter=1'], 'decay every 0 epochs'),
        (['report.py', '--results_dir=%s' % data], 'expected the results of tests in it'),
    ]


def test_bad_input_is_one_line_and_exit_status_2(scripts, tmp_path):
    runs = str(tmp_path / 'runs')
    for case, message in bad_commands(tmp_path):
        places = ['--train_dir=' + runs] if case[0] == 'train.py' else []
        status, _, err = scripts.run(*case + places)
        lines = [line for line in err.splitlines() if 'error:' in line]
        assert status == 2, (case, err)
        assert len(lines) == 1 and message in lines[0] and 'Traceback' not in err, (case, err)
    assert os.listdir(runs) == ['lost_s1'] and set(os.listdir(os.path.join(
        runs, 'lost_s1'))) == {'chks', 'lock'}
