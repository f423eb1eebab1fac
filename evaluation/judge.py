"""Attacks a model on a data split and judges the result from the adversarial images alone."""
import collections

from utils.hyperparameters import module_of, positional
from utils.ops import confidence, prediction

import numpy as np
import tensorflow.compat.v1 as tf

from attacks.contract import Adversarial
from attacks.targets import aims, every_class
from datasets import Split, batches
from evaluation.quality import quality
from evaluation.results import columns, relative_norms, solved, summarise
from terminal.progress import ProgressBar

IMAGES = '_x_adv'   # ends the name of an attack's images among the arrays of a chunk
GRID = 100   # images in a sample grid
CHUNK = 5   # batches fed to an attack at once

Chosen = collections.namedtuple('Chosen', 'function settings targets')
Chosen.__new__.__defaults__ = ('',)
Chosen.__doc__ = """An attack to run: function of attacks.ATTACKS, {hyper-parameter: value}, and one
of attacks.targets.AIMS or '' for any class."""


def class_changed(y, clean, adversarial, **unused_settings):
    """The goal of an attack that has no other in its file: another class than y, [n] bool."""
    return adversarial['pred'] != y


def reached(chosen, y, clean, adversarial):
    """Whether a Chosen attack got to its goal, that of its file or class_changed: [n] bool."""
    goal = getattr(module_of(chosen.function), 'succeeded', class_changed)
    return goal(y, clean, adversarial, **chosen.settings)


class Judge(object):
    """Builds attacks on `model` and judges what they return.

    x, y: placeholders; chosen: {name: Chosen}. An attack works on `slots` images at a time and is
    fed CHUNK times as many, so that images that wait can take the places of those that are done.
    `parts`: {name: value} of what attacks may take by position beside the model and the images.
    What an attack calls a success is not asked. Its goal is succeeded(y, clean, adversarial,
    **settings) of its module, if it has one.
    """

    def __init__(self, model, x, y, chosen, *, slots, **parts):
        self._x = x
        self._y = y
        self._chosen = chosen
        self._fed = CHUNK * slots
        parts = dict(parts, model=model, x=x, y=y, slots=slots)
        logits = model(x)
        top = tf.cast(tf.nn.top_k(logits, 2).values, tf.float64)
        self._margin = top[:, 0] - top[:, 1]
        self._logits = logits
        self._clean = {'pred': prediction(logits), 'conf': confidence(logits)}
        self._attacks = {}
        self._targets = {}
        self._ways_back = {}
        for name, (function, settings, how) in chosen.items():
            earlier = [attack.x_adv for attack in self._attacks.values()]
            parts = dict(parts, found=earlier or None)
            taken = {key: parts[key] for key in positional(function) if key in parts}
            self._attacks[name] = self._built(name, function, how, dict(taken, **settings))
            way_back = getattr(module_of(function), 'way_back', None)
            if way_back:
                x_adv = self._attacks[name].x_adv
                self._ways_back['rec'] = way_back(model, x_adv, logits, slots, **settings)

    def _built(self, name, function, how, arguments):
        """The Adversarial of an attack, towards the classes that `how` says."""
        if how == 'all':
            x_adv, iterations = every_class(function, **arguments)
            return Adversarial(x_adv, iterations, ())
        if how:
            self._targets[name] = arguments['targets'] = tf.placeholder(tf.int32, [None])
        return function(**arguments)._replace(success=())

    def run(self, session, split, index, partial, title=''):
        """Attacks every image of a Split; returns (table, {attack: x_adv [n, ...]}).

        `title`: whose images the progress is of.
        `index` [n] are the images' places in the dataset; chunks that `partial`, a PartialResults,
        has are not attacked again. Raises RuntimeError when an attack returned something that is
        not an image: not a number, or a pixel outside [0, 1] where the attack keeps to the box.
        """
        chunks = []
        with ProgressBar(title, len(split.x)) as bar:
            for number, (x, y) in enumerate(batches(split, self._fed)):
                chunk = partial.load(number)
                if chunk is None:
                    rows = number * self._fed + np.arange(len(y))
                    say = lambda doing: bar.say('%s %s' % (title, doing))
                    chunk = self._attack(session, x, y, say, rows=rows, index=index[rows])
                    partial.save(number, chunk)
                chunks.append(chunk)
                bar.add(len(y), **mean_rho(chunks))
        table = dict(columns_of(chunks), index=index)
        images = joined(chunks, [name + IMAGES for name in self._attacks])
        return ({key: table[key] for key in columns(self._attacks)},
                {name: images[name + IMAGES] for name in self._attacks})

    def _attack(self, session, x, y, say, *, rows, index):
        """The `rows` of the table for images x with labels y at the places `index`, and the
        adversarial images, as one {name: array}; say(text) tells which attack is on.
        """
        fed = {self._x: x, self._y: y}
        clean, margin, logits = session.run([self._clean, self._margin, self._logits], fed)
        targets = {name: aims(self._chosen[name].targets, logits, y, index=index, rows=rows)
                   for name in self._targets}
        fed.update({self._targets[name]: aimed for name, aimed in targets.items()})
        chunk = dict(clean, label=y, margin=margin)
        for place, (name, attack) in enumerate(self._attacks.items(), 1):
            say('%s %d/%d' % (name, place, len(self._attacks)))
            result = session.run(attack, fed)
            # A later attack that starts from this one's images takes them as they are.
            fed[attack.x_adv] = result.x_adv
            check_images(name, result.x_adv, self._chosen[name].settings.get('box', True))
            adversarial = session.run(self._clean, {self._x: result.x_adv})
            l2, rho = relative_norms(x, result.x_adv)
            success = reached(self._chosen[name], y, clean, adversarial)
            if name in targets:
                success &= (adversarial['pred'] == targets[name]) | (clean['pred'] != y)
            values = dict(adversarial, l2=l2, rho=rho, success=success.astype(np.int32),
                          iterations=result.iterations)
            chunk.update({'%s_%s' % (name, column): value for column, value in values.items()})
            chunk[name + IMAGES] = result.x_adv
        return chunk

    def error(self, session, split):
        """The share of a Split's images that the model misclassifies."""
        wrong = [session.run(self._clean['pred'], {self._x: x}) != y
                 for x, y in batches(split, self._fed)]
        return float(np.mean(np.concatenate(wrong)))

    def grids(self, session, split, images):
        """(rows of GRID images or fewer, {grid: images} of these): 'orig', each attack's and, of
        one that has a way back such as the paper's, 'rec': its A_f(A_f(x; t, C); y, C).
        """
        few = np.linspace(0, len(split.x) - 1, min(GRID, len(split.x))).astype(int)
        grids = {name: x_adv[few] for name, x_adv in images.items()}
        fed = {self._x: split.x[few], self._y: split.y[few]}
        return few, dict(grids, orig=split.x[few], **session.run(self._ways_back, fed))


def joined(chunks, keys):
    """{key: array over all chunks}."""
    return {key: np.concatenate([chunk[key] for chunk in chunks]) for key in keys}


def columns_of(chunks):
    """The columns of the table over all chunks, without the images."""
    return joined(chunks, [key for key in chunks[0] if not key.endswith(IMAGES)])


def mean_rho(chunks):
    """{attack: its rho so far, as a summary has it, or None}, for the progress bar."""
    attacks = summarise(columns_of(chunks))['attacks']
    return {name: attack['rho'] for name, attack in attacks.items()}


def check_images(name, x_adv, box):
    """Raises RuntimeError unless x_adv holds finite numbers and, with `box`, lies in [0, 1]."""
    if not np.isfinite(x_adv).all():
        raise RuntimeError('%s returned an image with a pixel that is not a finite number' % name)
    if box and (x_adv.min() < 0 or x_adv.max() > 1):
        raise RuntimeError(
            '%s returned an image outside [0, 1]: %g to %g' % (name, x_adv.min(), x_adv.max()))


def select_images(split, num_examples, sort_labels, times=1):
    """The first `num_examples` images of a Split (None: all), in order of their labels if so asked,
    each `times` times: (Split, index [n]).
    """
    index = np.arange(len(split.x))[:num_examples]
    if sort_labels:
        index = index[np.argsort(split.y[index], kind='stable')]
    index = np.repeat(index, times)
    return Split(split.images(index), split.y[index]), index.astype(np.int32)


def summarise_images(table, split, images):
    """summarise(table) with the mean PSNR and SSIM of each attack's successful images added."""
    summary = summarise(table)
    for name, x_adv in images.items():
        counted = solved(table, name) & (table['pred'] == table['label'])
        summary['attacks'][name]['psnr'], summary['attacks'][name]['ssim'] = quality(
            split.x[counted], x_adv[counted])
    return summary
