"""Result files: written and read back, summarised as eq. 8 says, damaged files named."""
import os

from utils.errors import UserError
from utils.files import atomic_write

import numpy as np
import pytest

from evaluation.results import (
    CLEAN_COLUMNS,
    OLDER_COLUMNS,
    columns,
    read_tsv,
    relative_norms,
    robust_accuracy,
    summarise,
    write_tsv,
)
from tests.recorded import A, B, table


def test_rho_is_equation_8():
    x = np.array([[3., 4.], [0., 0.], [0., 0.], [1., 0.]])
    l2, rho = relative_norms(x, x + [[0, 1], [0, 0], [1, 0], [0, 0]])
    assert l2.tolist() == [1, 0, 1, 0] and rho.tolist() == [0.2, 0, np.inf, 0]


def test_failures_count_with_the_r_they_were_left_with_and_as_infinite_in_a_median():
    summary = summarise(table(deepfool=A, carlini=B))
    assert summary['error'] == 0.25 and summary['saturated'] == 0
    deepfool, carlini = (summary['attacks'][name] for name in ('deepfool', 'carlini'))
    assert deepfool['rho'] == pytest.approx((0 + 0.1 + 0.2 + 0.3) / 4)
    assert deepfool['rho_median'] == pytest.approx(0.15) and deepfool['failed'] == 0
    assert carlini['rho'] == pytest.approx((0 + 0.2 + 0.05 + 0.9) / 4)
    assert carlini['rho_median'] == pytest.approx((0.05 + 0.2) / 2) and carlini['failed'] == 1
    assert carlini['l2'] == pytest.approx(10 * carlini['rho'])
    assert carlini['l2_median'] == pytest.approx(10 * carlini['rho_median'])
    assert deepfool['iterations'] == 4
    nothing = summarise(table(carlini=([0., .1, .1, .1], [1, 0, 0, 0])))['attacks']['carlini']
    assert nothing['failed'] == 3 and nothing['rho'] == pytest.approx(.075)
    assert nothing['rho_median'] is nothing['l2_median'] is nothing['conf'] is None


def test_what_an_attack_gave_back_as_it_was_has_no_r():
    """Carlini-Wagner without a success; and a black image, whose rho is infinite."""
    contents = table(carlini=([0., .2, 0., np.inf], [1, 1, 0, 1]))
    contents['carlini_l2'][3] = 2.
    found = summarise(contents)['attacks']['carlini']
    assert found['rho'] == pytest.approx((0 + .2) / 2) and found['failed'] == 2


def test_robust_accuracy_is_of_all_attacks_and_of_classes_not_of_goals():
    contents = table(deepfool=([0., .04, .12, .3], [1, 1, 1, 1]),
                     high_confidence=([0., .1, .07, .18], [1, 1, 0, 0]))
    for name in ('deepfool', 'high_confidence'):
        contents[name + '_l2'] = contents[name + '_rho'] * 10
    # wrong; .4; .7 another class, though not the confidence; 1.8, likewise
    assert robust_accuracy(contents) == {'0.5': .5, '1': .25, '1.5': .25, '2': 0.}
    contents['high_confidence_pred'][3] = contents['label'][3]   # not fooled: 3. of DeepFool
    assert robust_accuracy(contents) == {'0.5': .5, '1': .25, '1.5': .25, '2': .25}


def test_the_margin_and_what_float32_calls_sure():
    contents = dict(table(deepfool=A), conf=np.array([1., 1. - 1e-7, 1. - 1e-9, .5]))
    assert summarise(contents)['median_margin'] is None
    assert summarise(contents)['saturated'] == .5
    assert summarise(dict(contents, margin=np.array([1., 30., 4., 5.])))['median_margin'] == 4.5


def test_tsv_reads_back_equal(tmp_path):
    path = str(tmp_path / 'results.tsv')
    written = table(deepfool=A)
    written['deepfool_rho'][1] = np.float32(0.1)
    write_tsv(path, written)
    for clean in (OLDER_COLUMNS, CLEAN_COLUMNS):
        if 'margin' in clean:
            written['margin'] = np.array([1 / 3, 2., 1e-9, 17.])
            written = {column: written[column] for column in columns(['deepfool'])}
            write_tsv(path, written)
        back = read_tsv(path)
        assert list(back) == columns(['deepfool'], clean)
        assert all(np.array_equal(back[key], written[key]) for key in written)


@pytest.mark.parametrize('change,message', [
    (lambda text: '', 'line 1 does not begin with index label pred conf'),
    (lambda text: text.replace('deepfool_rho', 'deepfool_rh'), 'line 1 names other columns'),
    (lambda text: text[:-5], r'line 5'),
    (lambda text: text.split('\n')[0] + '\n', 'has no row'),
    (lambda text: '\n'.join(line + line[line.index(
        '\t',
        line.index('\t',
                   line.index('\t',
                              line.index('\t') + 1) + 1) + 1):]
                            for line in text.split('\n')[:-1]), 'line 1 names other columns'),
    (lambda text: text.replace('\n2\t', '\nx\t'), "line 4: index is 'x'; expected an integer"),
    (lambda text: text.replace('\t0.2\t', '\tnan\t'),
     "line 4: deepfool_rho is 'nan'; expected a number"),
])
def test_a_damaged_tsv_is_named_with_its_line(tmp_path, change, message):
    path = str(tmp_path / 'results.tsv')
    write_tsv(path, table(deepfool=A))
    text = open(path).read()
    with open(path, 'w') as stream:
        stream.write(change(text))
    with pytest.raises(UserError, match=message) as caught:
        read_tsv(path)
    assert path in str(caught.value)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / 'file'
    path.write_text('old')
    with pytest.raises(RuntimeError):
        with atomic_write(str(path)) as stream:
            stream.write('half')
            raise RuntimeError
    assert path.read_text() == 'old' and os.listdir(str(tmp_path)) == ['file']
    with atomic_write(str(path)) as stream:
        stream.write('new')
    assert path.read_text() == 'new' and os.listdir(str(tmp_path)) == ['file']
