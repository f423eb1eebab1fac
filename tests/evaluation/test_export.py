"""The parts of an export: a folder whole or not at all, a SavedModel, logits that have to agree."""
import os

from utils.errors import RunError, UserError
from utils.files import write_json

import numpy as np
import pytest

from evaluation import export
from evaluation.networks import write_network
from tests.stored import random_images, random_network, reference_logits
from training.run_folder import RunFolder

PLACES = ['plain', '[1]', '*?', 'back\\slash', 'vidé 数']


def test_a_folder_comes_whole(tmp_path):
    path = str(tmp_path / 'new' / 'made')
    with export.whole_folder(path) as folder:
        assert os.path.dirname(folder) == os.path.dirname(path)   # a rename within a file system
        assert not os.path.exists(path)
        open(os.path.join(folder, 'file'), 'w').close()
    assert os.listdir(os.path.dirname(path)) == ['made'] and os.listdir(path) == ['file']


@pytest.mark.parametrize('error', [RunError, KeyboardInterrupt])
def test_a_folder_comes_not_at_all(tmp_path, error):
    with pytest.raises(error):
        with export.whole_folder(str(tmp_path / 'made')) as folder:
            open(os.path.join(folder, 'file'), 'w').close()
            raise error
    assert not os.listdir(str(tmp_path))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError) as error:
        with export.whole_folder(str(tmp_path / 'file' / 'made')):
            pass
    assert str(tmp_path / 'file') in str(error.value)


@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('architecture', ['mlp', 'lenet5'])
def test_a_saved_model_answers_as_float64(tmp_path, place, architecture):
    folder = os.path.join(str(tmp_path), place)
    os.mkdir(folder)
    network = random_network(architecture)
    weights = os.path.join(folder, 'weights.npz')
    write_network(weights, network)
    saved_model = os.path.join(folder, 'saved_model')
    export.write_saved_model(saved_model, weights, network.image_shape)
    images = random_images(101)   # more than a batch
    expected = reference_logits(network, images)
    assert np.allclose(export.saved_model_logits(saved_model, images), expected, atol=1e-5)
    assert np.allclose(export.network_logits(weights, images), expected, atol=1e-5)


def test_logits_have_to_agree():
    logits = np.float32([[1., -8.], [2., 3.]])
    assert export.compare('out', 'weights.npz', logits, logits) == 0
    step = np.float32(export.TOLERANCE)
    assert 0 < export.compare('out', 'weights.npz', logits + 7 * step, logits)
    for wrong in (logits + 9 * step, logits * np.nan):
        with pytest.raises(RunError) as error:
            export.compare('out', 'weights.npz', wrong, logits)
        assert 'out: not written: the logits of weights.npz differ' in str(error.value)


@pytest.mark.parametrize('train', [[1], {}, {'args': 3}, None])
def test_a_damaged_record_of_an_export_is_named(tmp_path, train):
    write_json(str(tmp_path / 'network.json'), {'train': train})
    with pytest.raises(UserError, match=r'network\.json: has no object "args"'):
        RunFolder(str(tmp_path)).read_args()
