"""Result files: written and read back, summarised as eq. 8 says, damaged files named."""
import os

from utils.errors import UserError
from utils.files import atomic_write

import numpy as np
import pytest

from evaluation.results import columns, read_tsv, relative_norms, summarise, write_tsv
from tests.recorded import A, B, table


def test_rho_is_equation_8():
    x = np.array([[3., 4.], [0., 0.], [0., 0.], [1., 0.]])
    l2, rho = relative_norms(x, x + [[0, 1], [0, 0], [1, 0], [0, 0]])
    assert l2.tolist() == [1, 0, 1, 0] and rho.tolist() == [0.2, 0, np.inf, 0]


def test_summary_leaves_failed_attacks_out_and_counts_them():
    summary = summarise(table(deepfool=A, carlini=B))
    assert summary['error'] == 0.25
    assert summary['attacks']['deepfool']['rho'] == pytest.approx((0 + 0.1 + 0.2 + 0.3) / 4)
    assert summary['attacks']['carlini']['rho'] == pytest.approx((0 + 0.2 + 0.05) / 3)
    assert summary['attacks']['carlini']['failed'] == 1 and summary['attacks']['deepfool'][
        'failed'] == 0
    assert summary['attacks']['deepfool']['iterations'] == 4
    nothing = summarise(table(carlini=([0., .1, .1, .1], [1, 0, 0, 0])))['attacks']['carlini']
    assert nothing['failed'] == 3 and nothing['rho'] == 0
    assert nothing['conf'] is None


def test_tsv_reads_back_equal(tmp_path):
    path = str(tmp_path / 'results.tsv')
    written = table(deepfool=A)
    written['deepfool_rho'][1] = np.float32(0.1)
    write_tsv(path, written)
    back = read_tsv(path)
    assert list(back) == columns(['deepfool'])
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
