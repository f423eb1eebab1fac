"""sha256 sums: known ones, those of the sha256sum program, and what is wrong with a list."""
import shutil
import subprocess

from utils.errors import UserError

import pytest

from datasets.sums import check_sums, read_sums, sha256

ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'   # FIPS 180-2, B.1
NAMES = ['plain', 'two words', '[a]*?', 'back\\slash', 'new\nline', 'back\\new', 'vidé']


def test_the_sum_of_abc(tmp_path):
    (tmp_path / 'abc').write_bytes(b'abc')
    assert sha256(str(tmp_path / 'abc')) == ABC


@pytest.mark.skipif(shutil.which('sha256sum') is None, reason='there is no sha256sum program')
@pytest.mark.parametrize('mode', ['--text', '--binary'])
def test_lists_of_the_sha256sum_program(tmp_path, mode):
    (tmp_path / 'sub').mkdir()
    for name in NAMES:
        (tmp_path / 'sub' / name).write_bytes(name.encode() * 300000)   # more than one block
    files = ['sub/' + name for name in NAMES]
    listed = subprocess.check_output(['sha256sum', mode] + files, cwd=str(tmp_path))
    (tmp_path / 'SHA256SUMS').write_bytes(listed)
    assert check_sums(str(tmp_path)) == {name: sha256(str(tmp_path / name)) for name in files}


@pytest.mark.parametrize('change,expected', [
    (lambda folder: (folder / 'abc').write_bytes(b'abd'), 'abc: its sha256 sum is'),
    (lambda folder: (folder / 'abc').unlink(), 'abc: no such file, but SHA256SUMS lists it'),
    (lambda folder: (folder / 'SHA256SUMS').write_text(ABC + ' abc\n'), 'line 1'),
    (lambda folder: (folder / 'SHA256SUMS').write_text(ABC + '  abc\n\n' + ABC[1:] + '  abc\n'),
     'line 3'),
    (lambda folder: (folder / 'SHA256SUMS').unlink(), 'SHA256SUMS: cannot be read'),
])
def test_what_is_wrong_is_named(tmp_path, change, expected):
    (tmp_path / 'abc').write_bytes(b'abc')
    (tmp_path / 'SHA256SUMS').write_text(ABC + '  abc\n')
    assert check_sums(str(tmp_path)) == read_sums(str(tmp_path)) == {'abc': ABC}
    change(tmp_path)
    with pytest.raises(UserError) as error:
        check_sums(str(tmp_path))
    assert expected in str(error.value) and '\n' not in str(error.value)
