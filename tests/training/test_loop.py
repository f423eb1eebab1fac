"""The loop around the training step: what is saved when what comes after a step fails."""
import json
import types

from utils.errors import RunError, UserError
from utils.files import make_folder

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from datasets import Dataset, Split
from models import build_model
from tests.training.built import Built, X, Y
from training import loop
from training.checkpoints import read_checkpoint
from training.run_folder import RunFolder

CONFIG = types.SimpleNamespace(pretrain_niter=1, niter=2, batch_size=5, seed=1, gpu_memory='1',
                               augment='', summary_frequency=1, checkpoint_frequency=0)
STEPS = 3   # an epoch, of 12 images


class Monitor(object):
    """Measures nothing; raises `error` in the `when`-th of its measurements."""

    def __init__(self, name=None, when=None, error=None):
        self._name, self._when, self._error, self._count = name, when, error, 0

    def _measure(self, name, value):
        self._count += name == self._name
        if self._error and (self._name, self._count) == (name, self._when):
            raise self._error
        return value

    def clean(self, unused_session, unused_split, prefix):
        return self._measure('clean', {prefix + '_nll': 1., prefix + '_err': .5})

    def attacked(self, *unused):
        return self._measure('attacked', {'rho_deepfool': .25}), {}, {}


def train(folder, monitor, config=CONFIG, build=lambda: Built('none')):
    """A run of three epochs, gone on with where it was: the steps that it took."""
    steps, run_step = [], loop.run_step
    run = RunFolder(str(folder))
    for place in (run.checkpoints, run.samples):
        make_folder(place)
    split = Split(X, Y)
    with tf.Graph().as_default(), pytest.MonkeyPatch().context() as patch:
        patch.setattr(loop, 'run_step', lambda *given: steps.append(given[-1]) or run_step(*given))
        built = build()
        graph = loop.Graph(built.x, built.y, built.steps, built.rates,
                           lambda epoch: {'lr': .01 / epoch, 'critic_lr': .01})
        try:
            loop.train(run, config, Dataset(split, split, split, 3), graph, monitor)
            return len(steps), None
        except RunError as error:
            return len(steps), str(error)


def state(folder):
    """The variables of the newest checkpoint as bytes, and the metrics without their times."""
    variables = read_checkpoint(RunFolder(str(folder)).latest_checkpoint())
    rows = RunFolder(str(folder)).read_metrics()
    for row in rows:
        del row['seconds']
    return {name: np.asarray(value).tobytes() for name, value in variables.items()}, rows


def progress(folder):
    return json.loads(read_checkpoint(RunFolder(str(folder)).latest_checkpoint())['progress'])


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp('undisturbed')
    assert train(folder, Monitor()) == (3 * STEPS, None)
    return state(folder)


@pytest.mark.parametrize('name, when, epochs', [('clean', 1, 1), ('clean', 2, 2),
                                                ('attacked', 1, 2), ('attacked', 2, 3)])
def test_an_epoch_that_could_not_be_measured_is_not_trained_again(tmp_path, undisturbed, name,
                                                                  when, epochs):
    """Epochs count with pretraining, which no attack measures."""
    failing = Monitor(name, when, RunError('no'))
    assert train(tmp_path, failing) == (epochs * STEPS, 'no')
    assert progress(tmp_path)['epochs'] == epochs
    assert len(RunFolder(str(tmp_path)).read_metrics()) == epochs - 1
    again = Monitor(name, 1, RunError('no'))
    assert train(tmp_path, again) == (0, 'no')
    assert train(tmp_path, Monitor()) == ((3 - epochs) * STEPS, None)
    assert state(tmp_path) == undisturbed
    assert train(tmp_path, Monitor()) == (0, None) and state(tmp_path) == undisturbed


def test_a_finished_run_goes_on_for_longer(tmp_path, undisturbed):
    """The sums of the last whole epoch, which its checkpoint keeps, do not enter the next one."""
    shorter = types.SimpleNamespace(**dict(vars(CONFIG), niter=1, summary_frequency=1))
    assert train(tmp_path, Monitor(), shorter) == (2 * STEPS, None)
    assert train(tmp_path, Monitor()) == (STEPS, None)
    assert state(tmp_path) == undisturbed


def test_momentum_dropout_and_augmentation_go_on_to_the_same_bytes(tmp_path):
    """A run that stops after its first epoch against one that does not."""
    config = types.SimpleNamespace(**dict(vars(CONFIG), pretrain_niter=0, augment='mirror'))
    found = []
    for name, failing in (('whole', Monitor()), ('resumed', Monitor('clean', 1, RunError('no')))):
        steps = [train(tmp_path / name, monitor, config, with_dropout)[0]
                 for monitor in (failing, Monitor())]
        assert steps == ([2 * STEPS, 0] if name == 'whole' else [STEPS, STEPS])
        found.append(state(tmp_path / name))
    assert found[0] == found[1]
    assert any('Momentum' in name for name in found[0][0])


def with_dropout():
    """Dropout under gradient descent with momentum."""
    return Built('none', model=build_model('mlp1', 3, 1, '16'), optimizer='momentum', moving=True,
                 keep_input=0.9, keep_hidden=0.5)


@pytest.mark.parametrize('error', [
    tf.errors.ResourceExhaustedError(None, None, 'OOM when allocating\na tensor'),
    MemoryError('Unable to allocate 1. PiB')], ids=['tensorflow', 'numpy'])
def test_memory_that_runs_out_is_one_line_and_loses_no_epoch(tmp_path, undisturbed, error):
    expected = 'out of memory; a smaller --test_batch_size takes less'
    for name, when in (('attacked', 1), ('clean', 1)):
        took, said = train(tmp_path, Monitor(name, when, error))
        assert said == expected and took == (2 * STEPS if name == 'attacked' else 0)
    assert train(tmp_path, Monitor())[0] == STEPS and state(tmp_path) == undisturbed


def test_a_row_that_nothing_can_make_again_is_missed(tmp_path):
    """One row fewer than epochs is right; two are a file that somebody has cut."""
    train(tmp_path, Monitor())
    path = tmp_path / 'metrics.jsonl'
    lines = path.read_text().splitlines(True)
    path.write_text(''.join(lines[:1]))
    with pytest.raises(UserError, match='has 1 lines, but the newest checkpoint is of epoch 3'):
        train(tmp_path, Monitor())


def test_the_events_hold_the_settings_for_tensorboards_tab_of_them(tmp_path):
    train(tmp_path, Monitor())
    found = {}
    for path in tmp_path.glob('events.out.*'):
        for event in tf.train.summary_iterator(str(path)):
            for value in event.summary.value:
                data = value.metadata.plugin_data
                if data.plugin_name == 'hparams':
                    content = HParamsPluginData.FromString(data.content)
                    found.update(content.session_start_info.hparams)
    assert set(found) == set(vars(CONFIG)) - {'gpu_memory'}
    assert found['batch_size'].number_value == 5
