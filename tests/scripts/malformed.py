"""Makers of malformed input: (rng, a good run, a folder) -> the arguments that read it."""
import glob
import gzip
import json
import os
import shutil
import struct

import numpy as np

TEST = ['test.py', '--attacks=fgsm', '--num_examples=20']
IMAGES = ('train-images-idx3-ubyte', 't10k-images-idx3-ubyte')
LABELS = ('train-labels-idx1-ubyte', 't10k-labels-idx1-ubyte')


def write_idx(path, array):
    header = struct.pack('>I', 8 << 8 | array.ndim) + struct.pack('>%dI' % array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def idx(rng, good, folder):
    """One of the four IDX files is cut, longer, of another magic number or shape, badly packed,
    mislabelled, empty or absent.
    """
    shutil.copytree(str(good / 'data'), str(folder / 'data'))
    kind = rng.choice(['cut', 'longer', 'magic', 'shape', 'gzip', 'labels', 'empty', 'absent'])
    path = folder / 'data' / (IMAGES + LABELS)[rng.randint(
        4)] if kind != 'labels' else folder / 'data' / LABELS[rng.randint(2)]
    content = bytearray(path.read_bytes())
    if kind == 'cut':
        content = content[:rng.randint(len(content))]
    elif kind == 'longer':
        content += bytes(rng.randint(1, 50))
    elif kind == 'magic':
        content[rng.randint(4)] ^= 1 + rng.randint(255)
    elif kind == 'shape':
        content[4 + rng.randint(4)] ^= 1 + rng.randint(255)
    elif kind == 'gzip':
        packed = bytearray(gzip.compress(bytes(content)))
        content = packed[:rng.randint(20, len(packed) - 8)]
    elif kind == 'labels':
        content[8 + rng.randint(len(content) - 8)] = rng.randint(10, 256)
    elif kind == 'empty':
        content = b''
    path.unlink()
    if kind != 'absent':
        (path.parent / (path.name + '.gz' * (kind == 'gzip'))).write_bytes(bytes(content))
    return [
        'train.py', '--dataset=mnist',
        '--data_dir=%s' % (folder / 'data'),
        '--train_dir=%s' % (folder / 'made')
    ], str(folder / 'data')


def npz(rng, good, folder):
    """An .npz that is cut, lacks an array, or holds arrays that are no images or labels."""
    arrays = {
        'x_train': rng.uniform(size=(24, 8, 8)), 'y_train': np.arange(24) % 3,
        'x_test': rng.uniform(size=(6, 8, 8)), 'y_test': np.arange(6) % 3
    }
    path, split = folder / 'mine.npz', rng.choice(['train', 'test'])
    x, y = 'x_' + split, 'y_' + split
    kind = rng.choice([
        'cut', 'lacks', 'range', 'nan', 'pickle', 'float labels', 'gap', 'lengths', 'dimensions',
        'bytes'
    ])
    if kind == 'lacks':
        del arrays[rng.choice(sorted(arrays))]
    elif kind in ('range', 'nan'):
        arrays[x][tuple(rng.randint(
            6, size=3))] = np.nan if kind == 'nan' else rng.choice([-0.1, 1.5, 255.])
    elif kind == 'pickle':
        arrays[x] = np.array([{}] * len(arrays[x]), object)
    elif kind == 'float labels':
        arrays[y] = arrays[y] + 0.5
    elif kind == 'gap':
        arrays['y_train'] = 2 * arrays['y_train']
    elif kind == 'lengths':
        arrays[y] = arrays[y][:rng.randint(1, 6)]
    elif kind == 'dimensions':
        arrays[x] = arrays[x].reshape(len(arrays[x]), 64)
    np.savez(str(path), **arrays)
    content = path.read_bytes()
    if kind in ('cut', 'bytes'):
        path.write_bytes(content[:rng.randint(len(content) - 30)] if kind ==
                         'cut' else rng.bytes(rng.randint(1, 500)))
    return ['train.py', '--dataset=%s' % path, '--train_dir=%s' % (folder / 'made')], str(path)


def args_json(rng, good, folder):
    """An args.json that is cut, no JSON, or has an entry less, of another type, or of a value that
    there is not.
    """
    shutil.copytree(str(good / 'none_s1'), str(folder / 'none_s1'))
    path = folder / 'none_s1' / 'args.json'
    args, text = json.loads(path.read_text()), path.read_text().rstrip()
    kind = rng.choice(['cut', 'bytes', 'list', 'lacks', 'type', 'value', 'top'])
    required = ('dataset', 'data_dir', 'validation_size', 'model', 'layer_dims', 'activation_fn',
                'name', 'defense', 'seed', 'niter')
    names = 'args.json'
    if kind == 'cut':
        text = text[:rng.randint(len(text) - 1)]
    elif kind == 'bytes':
        text = rng.bytes(rng.randint(1, 300)).decode('latin-1')
    elif kind == 'list':
        text = '[%s]' % text
    elif kind == 'lacks':
        del args['args'][rng.choice(required)]
    elif kind == 'type':
        args['args'][rng.choice(required)] = [None, {}, [], True][rng.randint(4)]
    elif kind == 'value':
        key, value = [('dataset', 'minst'), ('model', 'mpl'), ('layer_dims', '8-x'),
                      ('activation_fn', 'rely'), ('validation_size', 0), ('layer_dims', '-3'),
                      ('validation_size', 10**9), ('layer_dims', '9')][rng.randint(8)]
        args['args'][key] = value
        names = key
    elif kind == 'top':
        key = rng.choice(['num_classes', 'image_shape', 'args'])
        args[key] = rng.choice(['x', '7'])
    path.write_text(text if kind in ('cut', 'bytes', 'list') else json.dumps(args),
                    encoding='utf-8')
    names = {'layer_dims': '', 'validation_size': '--validation_size'}.get(names, names)
    return TEST + ['--load_dir=%s' % path.parent, '--working_dir=%s' % (folder / 'made')], names


def results_tsv(rng, good, folder):
    """A results.tsv with a column, a row or a cell that does not belong there."""
    shutil.copytree(str(good / 'results'), str(folder / 'results'))
    path = folder / 'results' / 'test_mlp' / 'none_s1' / 'results.tsv'
    lines = [line.split('\t') for line in path.read_text().splitlines()]
    row, column = rng.randint(1, len(lines)), rng.randint(len(lines[0]))
    kind = rng.choice(['header', 'short', 'long', 'cell', 'empty', 'bytes', 'no rows'])
    if kind == 'header':
        lines[0][column] += 'x'
    elif kind == 'short':
        del lines[row][column]
    elif kind == 'long':
        lines[row].append('1')
    elif kind == 'cell':
        lines[row][column] = rng.choice(['', 'x', 'nan', '0x1', '1,5', 'None'])
    elif kind == 'empty':
        lines = []
    elif kind == 'no rows':
        del lines[1:]
    path.write_bytes(b'\xff\xfe' + rng.bytes(50) if kind == 'bytes' else '\n'.join(
        '\t'.join(line) for line in lines).encode())
    return [
        'report.py',
        '--results_dir=%s' % (folder / 'results'),
        '--output_dir=%s' % (folder / 'made')
    ], 'results.tsv'


def checkpoint(rng, good, folder):
    """A checkpoint whose weights have a flipped bit, or one of whose files is cut, replaced or
    absent.
    """
    shutil.copytree(str(good / 'none_s1'), str(folder / 'none_s1'))
    data, index = (glob.glob(str(folder / 'none_s1' / 'chks' / pattern))[0]
                   for pattern in ('*.data*', '*.index'))
    kind = rng.choice(['flip', 'cut', 'cut index', 'bytes', 'absent', 'absent index'])
    path = index if 'index' in kind or kind == 'bytes' else data
    content = bytearray(open(path, 'rb').read())
    os.remove(path)
    if kind == 'flip':
        content[rng.randint(
            len(content) //
            4)] ^= 1 << rng.randint(8)   # before the optimizer's and other variables
        content[len(content) // 2:] = bytes(len(content) - len(content) // 2)
    if not kind.startswith('absent'):
        with open(path, 'wb') as stream:
            stream.write(
                rng.bytes(200) if kind ==
                'bytes' else content[:rng.randint(len(content) // 3)] if 'cut' in kind else content)
    return TEST + ['--load_dir=%s' % (folder / 'none_s1'),
                   '--working_dir=%s' % (folder / 'made')], 'chks'


def flag(rng, good, folder):
    """A flag that is misspelled, out of range, of another type or another defense's, or a word that
    is no flag.
    """
    script = rng.choice(['train.py', 'test.py', 'generate_script.py', 'report.py'])
    known = {
        'train.py': ['niter', 'batch_size', 'layer_dims',
                     'lmbd_rec_l2'], 'test.py': ['attack_iter', 'load_dir', 'carlini_max_iter'],
        'generate_script.py': ['preset', 'defenses',
                               'runs_dir'], 'report.py': ['results_dir', 'output_dir']
    }[script]
    bad = {
        'train.py': [
            '--niter=-1', '--lr=x', '--lr=inf', '--batch_size=0', '--batch_size=1.5', '--model=mpl',
            '--defense=critics', '--lr_decay=none', '--gpu_memory=2', '--gpu_memory=grow',
            '--layer_dims=a', '--defense=none --lmbd_grad=1', '--attack_iter=0',
            '--attack_confidence=1.5', '--seed=-1', '--validation_size=0', '--activation_fn=elu'
        ], 'test.py': [
            '--attack_iter=0', '--attacks=deepfool2', '--attack_clip=-1', '--hc_confidence=0',
            '--split=valid', '--num_examples=0', '--carlini --attacks=fgsm', '--gpu_memory=0',
            '--load_dir=%s' % (folder / 'nowhere')
        ], 'generate_script.py': [
            '--preset=tiny', '--models=mlp2', '--defenses=nothing', '--runs=0', '--launcher=pbs',
            '--gpus=-1'
        ], 'report.py': ['--results_dir=%s' % (folder / 'nowhere'), '--published=2']
    }[script]
    kind = rng.choice(['misspelled', 'value', 'word'])
    if kind == 'misspelled':
        name = rng.choice(known)
        cut = rng.randint(1, len(name) - 1)
        given = ['--%sq%s=1' % (name[:cut], name[cut:])]
    else:
        given = rng.choice(bad).split(' ') if kind == 'value' else [
            rng.choice(['train', 'niter=3', 'x y'])
        ]
    places = {
        'train.py': ['--train_dir=%s' % (folder / 'made')],
        'test.py': ['--working_dir=%s' % (folder / 'made')]
    }.get(script, [])
    if script == 'test.py' and not given[0].startswith('--load_dir'):
        places.append('--load_dir=%s' % (good / 'none_s1'))
    return [script] + places + given, ''
