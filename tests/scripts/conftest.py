"""Fixtures of the scripts: a whole run, and a copy of it."""
import shutil

import pytest

from tests.scripts.surviving import RUN, RUN_FOLDER


@pytest.fixture(scope='module')
def whole(scripts, tmp_path_factory):
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp('whole')
    status, _, err = scripts.run(*RUN + ['--train_dir=%s' % folder])
    assert status == 0, err
    return folder / RUN_FOLDER


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of that run."""
    shutil.copytree(str(whole), str(tmp_path / RUN_FOLDER))
    return tmp_path / RUN_FOLDER
