"""The report page: what stands in it, that it can be read without seeing it, and in a browser."""
import html.parser
import os

import numpy as np
import pytest

from figures.samples import write_samples
from pages.html import page
from pages.pictures import draw
from reporting.runs import collect_runs
from reporting.tables import build_tables
from reporting.text import best_rows, latex
from tests.browser import browser, needs_a_browser
from tests.recorded import A, B, table, write_run


class Page(html.parser.HTMLParser):
    """The elements of a page as (tag, attributes)."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in ('meta', 'img', 'br'):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope='module')
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp('results')
    better = ([0., 0.3, 0.3, 0.4], [1, 1, 1, 0])
    for name, contents, niter in (('none', A, 5), ('<b>&', B, 6), ('critic', better, 6)):
        write_run(folder, 'test_mlp', 1, table(deepfool=contents, carlini=A), defense=name,
                  niter=niter, lr=0.1)
        path = str(folder / 'test_mlp' / (name + '_s1'))
        os.mkdir(os.path.join(path, 'samples'))
        images = np.float32(np.random.RandomState(0).uniform(size=(4, 7, 7, 1)))
        write_samples(path, np.arange(4), images, {'deepfool': 1 - images, 'carlini': images ** 2})
    return build_tables(collect_runs(str(folder)))


@pytest.fixture(scope='module')
def text(tables, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp('report'))
    return page([(one, draw(one, folder)) for one in tables], with_published=True)


def test_it_stands_alone_and_escapes_what_it_shows(text):
    assert 'http' not in text and '<link' not in text and ' src="/' not in text
    assert '<b>' not in text and '&lt;b&gt;&amp;' in text
    assert text.startswith('<!DOCTYPE html>') and 'name="viewport"' in text


def test_it_can_be_read_without_seeing_it(text):
    found = Page(text)
    assert found.open == [] and len(found.all('h1')) == len(found.all('main')) == 1
    assert all(image['alt'] and image['src'].startswith('data:image/png') for image in
               found.all('img'))
    alts = ' '.join(image['alt'] for image in found.all('img'))
    assert 'a 3 that became a 0 with rho 0.20' in alts
    assert 'a 4 on which the attack failed' in alts
    assert 'Half of the images are above: no defense 0.15, ' in alts
    ids = [attributes['id'] for _, attributes in found.elements if 'id' in attributes]
    assert len(set(ids)) == len(ids)
    links = [link['href'] for link in found.all('a')]
    assert len(links) > 4 and {link[1:] for link in links} <= set(ids)
    assert all(head['scope'] in ('col', 'row') for head in found.all('th'))
    assert len(found.all('caption')) == len(found.all('table'))


def test_the_best_of_a_column_is_bold_on_the_page_and_in_latex(tables, text):
    assert best_rows(tables[0]) == {'error': {0, 1, 2}, 'deepfool': {2}, 'carlini': {0, 1, 2},
                                    'worst': {0, 1}}
    assert '<strong>0.287 [25\xa0%\xa0failed]' in text
    lines = latex(tables).splitlines()
    assert [line.strip('\\') for line in lines if line.endswith('rule')] == [
        'toprule', 'midrule', 'bottomrule']
    assert sum('\\textbf{0.287 [25 \\% failed]}' in line for line in lines) == 1


def test_settings_stand_where_they_differ(text):
    start = text.index('Settings that differ')
    differing, shared = text[start:text.index('Settings that all runs share')], text[start:]
    assert 'train.py --niter' in differing and '<td>6</td>' in differing
    assert 'train.py --lr' not in differing and 'train.py --lr' in shared


@needs_a_browser
def test_it_sorts_and_keeps_to_the_width_of_a_phone(text, tmp_path):
    path = tmp_path / 'report.html'
    path.write_text(text, encoding='utf-8')
    with browser(size=(390, 800)) as driver:
        driver.get('file://%s' % path)
        order = ("return Array.from(document.querySelectorAll('.numbers tbody th'))"
                 ".map(head => head.textContent)")
        assert driver.execute_script('return document.documentElement.scrollWidth') <= 390
        heads = driver.find_elements('css selector', '.numbers thead button')
        for head, names in ((heads[0], ['<b>&', 'adversary critic', 'no defense']),
                            (heads[0], ['no defense', 'adversary critic', '<b>&'])):
            driver.execute_script('arguments[0].click()', head)
            assert driver.execute_script(order) == names
        for _ in range(2):
            driver.execute_script('arguments[0].click()', heads[2])   # DeepFool
        values = driver.execute_script(
            "return Array.from(document.querySelectorAll('.numbers tbody td:nth-child(3)'))"
            ".map(cell => Number(cell.dataset.value))")
        assert values == sorted(values, reverse=True) and len(set(values)) == 3
