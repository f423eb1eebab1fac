"""The scripts of ../shared/cases that attack: each prints its right outcome."""
import os
import re

from utils.errors import UserError

import pytest

from attacks import ATTACKS
from tests.running import ROOT, run_script

CASES = os.path.join(ROOT, os.pardir, 'shared', 'cases')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir(CASES), reason='../shared/cases is not there'),
]


def lines_of(case, *arguments):
    """What a case prints, run on this project."""
    path = os.path.join(os.path.abspath(CASES), case)
    status, out, err = run_script(path, *arguments, env=dict(os.environ, MAIN=ROOT))
    assert status == 0, err
    return out.splitlines()


def test_every_attack_takes_the_same_or_names_what_it_found():
    """The square attack is for images: to the vectors of this case it says so."""
    lines = lines_of('api_inputs.py')
    said = {}
    for line in lines:
        case, attack, words = re.match(r'(.{27}) (\S+) +(.*)', line).groups()
        said.setdefault(case.strip(), {})[attack] = words
    assert len(said) == 8 and all(sorted(words) == sorted(ATTACKS) for words in said.values())
    for case, words in said.items():
        square = words.pop('square')
        assert len(set(words.values())) == 1, (case, words)
        for one in set(words.values()) | {square}:
            assert one == 'accepted' or re.match(
                r'(UserError|ValueError): (x|the model) .*; expected ', one), (case, one)
    assert {case for case, words in said.items() if 'accepted' in words.values()} == {
        'y int64', 'x float64', 'numpy x'}


def test_confidence_out_of_range_is_an_error():
    lines = lines_of('confidence_range.py')
    assert len(lines) == 5 and all(' error: ' in line for line in lines)
    assert issubclass(UserError, ValueError)


@pytest.mark.parametrize('case,count', [('cw_binary.py', 3), ('cw_large_logits.py', 4)])
def test_all_seven_are_found(case, count):
    lines = lines_of(case)
    assert len(lines) == count
    for line in lines:
        found = re.findall(r'(\d) of 7', line)
        assert found and set(found) == {'7'}, line


def test_layers_have_a_jacobian():
    lines = lines_of('jacobian_layers.py')
    assert len(lines) == 4 and all(line.endswith(' ok') for line in lines), lines


def test_many_classes_take_little_memory():
    lines = lines_of('many_classes.py', '1000', '7')
    peaks = [float(re.search(r' ok, peak ([\d.]+) GB', line).group(1)) for line in lines]
    assert len(peaks) == 3 and max(peaks) < 3
