"""Five hundred malformed inputs, made by a seeded generator: each ends in exit status 2 and exactly
one line.
"""
import shutil

import numpy as np
import pytest

from tests.scripts.malformed import (
    IMAGES,
    LABELS,
    TEST,
    args_json,
    checkpoint,
    flag,
    idx,
    npz,
    results_tsv,
    write_idx,
)


@pytest.fixture(scope='module')
def good(scripts, tmp_path_factory):
    """A folder with a run, the results of its test, the IDX files of a small dataset and one as
    .npz.
    """
    folder = tmp_path_factory.mktemp('good')
    train = [
        'train.py', '--defense=none', '--layer_dims=8', '--batch_size=400', '--niter=1',
        '--pretrain_niter=0',
        '--train_dir=%s' % folder
    ]
    for arguments in (train, TEST + [
            '--load_dir=%s' % (folder / 'none_s1'),
            '--working_dir=%s' % (folder / 'results' / 'test_mlp')
    ]):
        status, _, err = scripts.run(*arguments)
        assert status == 0, err
    rng = np.random.RandomState(0)
    (folder / 'data').mkdir()
    for images, labels, n in zip(IMAGES, LABELS, (60, 30)):
        write_idx(folder / 'data' / images, rng.randint(0, 256, (n, 28, 28)))
        write_idx(folder / 'data' / labels, np.arange(n) % 10)
    return folder


MAKERS = [(idx, 110), (npz, 70), (args_json, 90), (results_tsv, 90), (checkpoint, 30), (flag, 110)]


@pytest.mark.slow
@pytest.mark.parametrize('make, count', MAKERS, ids=[make.__name__ for make, _ in MAKERS])
def test_malformed_input_is_one_line_and_exit_status_2(scripts, good, tmp_path, make, count):
    assert sum(n for _, n in MAKERS) == 500
    rng = np.random.RandomState(len(make.__name__))
    for i in range(count):
        folder = tmp_path / str(i)
        folder.mkdir()
        arguments, named = make(rng, good, folder)
        status, out, err = scripts.run(*arguments)
        assert status == 2 and out == '' and err.count('\n') == 1, (arguments, status, out, err)
        assert ' error: ' in err and named in err, (arguments, err)
        assert not (folder / 'made').exists(), (arguments, err)
        shutil.rmtree(str(folder))
