"""The report as one HTML page that stands alone: pictures are embedded, nothing is fetched."""
import base64
import html
import json

from experiments.names import defense_name
from reporting.text import heading, notes_of, rows_of

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #8888; }
h3 { font-size: 1.05rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr:nth-child(even) { background: #8881; }
thead { border-bottom: 2px solid #8888; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; flex: 1 1 20rem; min-width: 0; }
img { max-width: 100%; height: auto; background: #fff; }
figcaption { font-size: .85rem; }
.wide figure { flex-basis: 100%; overflow-x: auto; }
.wide img { min-width: 44rem; }
@media (max-width: 40rem) { th, td { padding: .2rem .35rem; font-size: .8rem; }
}
pre { overflow-x: auto; font-size: .8rem; }
"""
NOTE = (
    'rho is the mean of &#8214;r&#8214;&#8322; / &#8214;x&#8214;&#8322; over the images (eq. 8): '
    'an image that is misclassified to '
    'begin with counts with r = 0, one whose attack failed with the r that it was left with, and '
    'the number of those is in brackets; one for which an attack returned no other image is left '
    'out. A median counts every failure as infinite. The worst case takes, image by image, the '
    'smallest perturbation that any attack found.')


def _row(tag, texts):
    cells = ''.join('<%s>%s</%s>' % (tag, html.escape(text), tag) for text in texts)
    return '<tr>%s</tr>' % cells


def _table(table, with_published):
    header, *rows = rows_of(table, with_published)
    body = ''.join(_row('td', row) for row in rows)
    return ('<div class="scroll"><table><thead>%s</thead><tbody>%s</tbody></table></div>'
            % (_row('th', header), body))


def _figure(path, caption):
    with open(path, 'rb') as stream:
        data = base64.b64encode(stream.read()).decode()
    caption = html.escape(caption)
    return ('<figure><img alt="%s" src="data:image/png;base64,%s">'
            '<figcaption>%s</figcaption></figure>') % (
        caption, data, caption)


def _settings(run):
    text = html.escape(json.dumps({'train': run.train, 'test': run.test}, indent=1, sort_keys=True))
    return '<details><summary>%s, seed %d</summary><pre>%s</pre></details>' % (html.escape(
        defense_name(run.name)), run.seed, text)


def page(sections, with_published=False):
    """The page as text. sections: [(table of build_tables, {heading: [(path of a PNG, caption)]})].

    The pictures of the first heading stand side by side where there is room, the others have the
    whole width.
    """
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="'
        'width=device-width, '
        'initial-scale=1"><title>Adversary critic: results</title><style>%s</style></head><body>' %
        STYLE,
        '<h1>Improved Network Robustness with Adversary Critic: results</h1><p>%s</p>' % NOTE
    ]
    for table, shown in sections:
        figures = {'Share of images with rho above a value': shown.rho, 'Training': shown.training}
        parts += ['<h2>%s</h2>' % html.escape(heading(table)), _table(table, with_published)]
        parts += ['<p>%s</p>' % html.escape(note) for note in notes_of(table)]
        for i, (words, pictures) in enumerate(figures.items()):
            parts.append('<h3>%s</h3><div class="figures%s">%s</div>' %
                         (html.escape(words), ' wide' if i else '', ''.join(
                             _figure(picture.path, picture.caption) for picture in pictures)))
        parts += ['<h3>Settings</h3>'] + [_settings(run) for run in table.runs]
    return '\n'.join(parts + ['</body></html>\n'])
