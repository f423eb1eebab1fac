"""The kit of Table 2, from a test that saved its images to the table, with answers that are known.
"""
import csv
import io
import json
import os
import shutil

from utils.errors import UserError

import numpy as np
import pytest
from PIL import Image

from perception import kit as kits
from perception.answers import read_answers
from perception.judges import nearest_neighbours, write_judgement
from perception.score import agreement, score, table2
from tests.browser import browser, needs_a_browser
from tests.preloaded import wait_for
from tests.recorded import write_run

N, EACH = 7, 3   # images, of which the last assignment has one
LABEL = np.array([1, 2, 3, 4, 5, 6, 7])
TARGET = np.array([0, 9, 8, 4, 0, 2, 1])   # the attack failed on the 4, and the 1 was wrong before


@pytest.fixture(scope='module')
def tested(tmp_path_factory):
    """The folder of a test with saved images: image i has the colours 30 i and 30 i + 3."""
    root = tmp_path_factory.mktemp('tested')
    table = {'index': np.arange(N) + 10, 'label': LABEL, 'pred': np.r_[0, LABEL[1:]],
             'conf': np.full(N, 0.9)}
    for name, values in (('pred', TARGET), ('conf', np.full(N, 0.5)), ('l2', np.ones(N)),
                         ('rho', np.full(N, 0.1)), ('success', (TARGET != LABEL).astype(int)),
                         ('iterations', np.ones(N, int))):
        table['high_confidence_' + name] = values
    write_run(root, 'test_mlp', 1, table)
    folder = root / 'test_mlp' / 'critic_s1'
    x = np.ones((N, 8, 8, 1)) * np.arange(N).reshape(-1, 1, 1, 1) * 30 / 255.
    np.savez(str(folder / 'adv_high_confidence.npz'), x=np.float32(x), y=LABEL,
             x_adv=np.float32(x + 3 / 255.))
    return folder


@pytest.fixture(scope='module')
def exported(scripts, tested, tmp_path_factory):
    """The folder that annotate.py export makes of it."""
    folder = tmp_path_factory.mktemp('exported') / 'kit'
    status, out, err = scripts.run('annotate.py', 'export', '--test_dir=%s' % tested,
                                  '--kit=%s' % folder, '--per_assignment=%d' % EACH,
                                  '--base_url=https://example.org')
    assert status == 0 and '7 images in 3 assignments' in out, err
    return folder


@pytest.fixture
def kit(exported, tmp_path):
    """A Kit with a folder for answers."""
    shutil.copytree(str(exported), str(tmp_path / 'kit'))
    (tmp_path / 'kit' / 'answers').mkdir()
    return kits.read_kit(str(tmp_path / 'kit'))


def put(found, name, **entry):
    """Puts an answer into the folder of a Kit, of that kit where nothing else is said."""
    with open(os.path.join(found.path, 'answers', name), 'w') as stream:
        json.dump(dict({'kit': found.facts['kit']}, **entry), stream)


def rows(kit, assignment):
    return list(kits.rows_of(kit, assignment))


def test_a_kit_has_every_image_once_and_shows_nobody_what_it_is(kit):
    assert sorted(kit.index) == list(range(10, 10 + N)) and list(kit.index) != sorted(kit.index)
    place = kit.index - 10
    assert (kit.label == LABEL[place]).all() and (kit.target == TARGET[place]).all()
    assert (kit.x[:, 0, 0, 0] == 30 * place).all()
    assert (kit.x_adv[:, 0, 0, 0] == 30 * place + 3).all()
    assert [len(rows(kit, number)) for number in kits.assignments(kit)] == [3, 3, 1]
    listed = list(csv.DictReader(open(os.path.join(kit.path, 'mturk.csv'))))
    assert [row['images'] for row in listed] == ['3', '3', '1']
    assert listed[2]['sheet'] == 'https://example.org/sheets/assignment_3.png'
    for folder, images in (('sheets', kit.x_adv), ('originals', kit.x)):
        for row in listed:
            name = 'assignment_%s.png' % row['assignment']
            sheet = np.array(Image.open(os.path.join(kit.path, folder, name)).convert('L'))
            shown = [sheet[18:130, 18 + 130 * at:130 + 130 * at]
                     for at in range(int(row['images']))]
            expected = images[rows(kit, int(row['assignment'])), 0, 0, 0]
            assert [image.min() for image in shown] == list(expected)
            assert [image.max() for image in shown] == list(expected)
    for name in os.listdir(os.path.join(kit.path, 'pages')):
        page = open(os.path.join(kit.path, 'pages', name), encoding='utf-8').read()
        assert 'http' not in page and 'target' not in page.replace('event.target', '')


def test_the_score_of_known_answers(kit):
    """Two people: one says every target, the other every original."""
    for number in kits.assignments(kit):
        put(kit, 'a%d.json' % number, annotator='a', assignment=number,
            answers=kit.target[rows(kit, number)].tolist())
    put(kit, 'b1.json', annotator='b', assignment=1,
        answers=kit.label[rows(kit, 1)].tolist()[:2] + [None])
    put(kit, 'b1 (1).json', annotator='b', assignment=1,
        answers=kit.label[rows(kit, 1)].tolist()[:2] + [None])   # downloaded twice
    people, _ = read_answers(kit)
    found = score(kit, people)
    assert (found.annotators, found.labels) == (2, 9)
    assert found.change[0] == pytest.approx(6 / 9.) and found.no_change[0] == pytest.approx(3 / 9.)
    assert found.change[1:] == (0, pytest.approx(6 / 7.))   # b alone, a alone
    same = np.sum(kit.label[rows(kit, 1)[:2]] == kit.target[rows(kit, 1)[:2]])
    assert found.agreement == same / 2.
    text = table2([(kit, people, {})])
    row = '| MLP, adversary critic | 2 people | 9 | 66.67 [0.00, 85.71] | 33.33 [14.29, 100.00] |'
    assert row in text
    assert '| MLP, adversary critic | 400 people (paper) | 10000 | 87.99 | 9.86 | - |' in text


def test_the_interval_is_that_of_annotators_as_wholes(kit):
    """40 people with one answer each of a coin: the interval of a binomial share."""
    image = int(np.flatnonzero(kit.target != kit.label)[0])
    said = [kit.target[image]] * 10 + [kit.label[image]] * 30
    people = read_answers(kit)[0]._replace(annotator=np.arange(40), row=np.full(40, image),
                                           label=np.array(said))
    found = score(kit, people)
    spread = 1.96 * np.sqrt(0.25 * 0.75 / 40)
    assert found.change[1:] == pytest.approx((0.25 - spread, 0.25 + spread), abs=0.02)
    assert found.agreement == pytest.approx((10 * 9 + 30 * 29) / (40 * 39.))
    single = people._replace(annotator=np.zeros(40, int), row=np.arange(40))
    assert agreement(single) is None


def test_mturk_results_are_read_and_those_rejected_are_not(kit):
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(['AssignmentStatus', 'WorkerId', 'Input.kit', 'Input.assignment',
                     'Input.images', 'Answer.label_1', 'Answer.label_2', 'Answer.label_3'])
    writer.writerow(['Approved', 'W1', kit.facts['kit'], 2, 3, 1, '', 9])
    writer.writerow(['Rejected', 'W2', kit.facts['kit'], 1, 3, 0, 0, 0])
    writer.writerow(['Submitted', 'W2', kit.facts['kit'], 3, 1, 5, '', ''])
    with open(os.path.join(kit.path, 'answers', 'batch.csv'), 'w') as results:
        results.write(stream.getvalue())
    people, judges = read_answers(kit)
    assert judges == {}
    assert people.annotator.tolist() == [0, 0, 1]
    assert people.row.tolist() == [3, 5, 6] and people.label.tolist() == [1, 9, 5]


@pytest.mark.parametrize('entry, said', [
    (dict(kit='other'), "is of the kit 'other'"), (dict(assignment=4), 'expected 1 to 3'),
    (dict(answers=[1, 2]), 'expected a list of 3 labels'),
    (dict(answers=[1, 2, 10]), 'label is 10'),
    (dict(annotator=' '), 'expected a name'), (dict(answers=[1, 2, True]), 'label is True'),
])
def test_answers_that_cannot_be_are_named(kit, entry, said):
    put(kit, 'x.json', **dict(dict(annotator='a', assignment=1, answers=[1, 2, 3]), **entry))
    with pytest.raises(UserError, match='x.json.*' + said):
        read_answers(kit)


def test_one_annotator_says_one_thing_of_an_assignment(kit):
    for name, last in (('x.json', 3), ('y.json', 4)):
        put(kit, name, annotator='a', assignment=1, answers=[1, 2, last])
    with pytest.raises(UserError, match='both hold assignment 1 of a, with other labels'):
        read_answers(kit)


def test_bad_commands_are_one_line(scripts, tested, tmp_path):
    for arguments, said in (
            (['nothing'], "the first argument is 'nothing'"),
            (['export', '--test_dir=%s' % tested, '--attack=carlini'], 'no column carlini_pred'),
            (['score', '--kit=%s' % tmp_path], 'annotate.py export makes a kit')):
        status, out, err = scripts.run('annotate.py', *arguments)
        assert (status, out) == (2, '') and said in err and err.count('\n') == 1, err


def test_a_proxy_is_called_one_and_k_nn_votes(kit):
    x = np.array([[0.], [0.1], [0.2], [1.], [1.1]])
    y = np.array([3, 5, 5, 7, 2])
    assert nearest_neighbours(x, y, np.array([[0.], [1.05], [0.9]]), k=3).tolist() == [5, 7, 7]
    assert nearest_neighbours(x, y, np.array([[1.09]]), k=1).tolist() == [2]
    write_judgement(kit, 'k-NN, k = 3', kit.label)
    people, judges = read_answers(kit)
    text = table2([(kit, people, judges)])
    assert '| proxy: k-NN, k = 3 | 7 | 0.00 | 100.00 | - |' in text and 'A proxy is' in text


@needs_a_browser
def test_a_person_clicks_an_assignment_through(scripts, kit):
    wanted = [(kit.label, kit.target)[row % 2][row] for row in rows(kit, 1)]
    page = 'file://%s' % os.path.join(kit.path, 'pages', 'assignment_1.html')
    with browser(downloads=os.path.join(kit.path, 'answers'), size=(390, 800)) as driver:

        def find(selector):
            return driver.find_element('css selector', selector)

        driver.get(page)
        assert driver.execute_script('return document.documentElement.scrollWidth') <= 390
        assert not find('#download').is_enabled()
        find('#labels [data-label="%d"]' % wanted[0]).click()
        find('body').send_keys(str(wanted[1]))
        assert '2 of 3 labelled' in find('#count').text
        driver.get(page)   # the browser has kept them
        assert '2 of 3 labelled' in find('#count').text
        assert find('#shown').get_attribute('alt') == 'Image 3 of 3'
        name = find('#annotator')
        name.clear()
        name.send_keys('Ann 12')   # no labels
        find('#labels [data-label="0"]').click()
        find('#all [data-place="2"]').click()
        find('#labels [data-label="%d"]' % wanted[2]).click()   # thinks better of it
        pressed = find('#labels [aria-pressed=true]')
        assert pressed.text == str(wanted[2])
        find('#download').click()
        saved = os.path.join(kit.path, 'answers', 'answers_1_Ann_12.json')
        wait_for(lambda: os.path.exists(saved), 20)
    status, out, err = scripts.run('annotate.py', 'score', '--kit=' + kit.path)
    assert status == 0, err
    change = np.sum([a == t != y for a, t, y in zip(wanted, kit.target, kit.label)])
    kept = np.sum([a == y for a, y in zip(wanted, kit.label)])
    assert '| 1 person | 3 | %.2f | %.2f | - |' % (100 * change / 3., 100 * kept / 3.) in out
