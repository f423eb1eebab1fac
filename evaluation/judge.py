"""Attacks a model on a data split and judges the result from the adversarial images alone."""
from utils.hyperparameters import select
from utils.ops import confidence, prediction

import numpy as np
from tqdm import tqdm

from attacks import ATTACKS, high_confidence
from datasets import Split, batches
from evaluation.results import columns, counted_rows, relative_norms, summarise
from figures.grids import quality

IMAGES = '_x_adv'   # ends the name of an attack's images among the arrays of a chunk
CHUNK = 5   # batches fed to an attack at once
CONFIDENCE_TOLERANCE = 1e-5   # between the confidence an attack saw and the one recomputed from its image


class Tester(object):
    """Builds the attacks named in `names` on `model`, with the hyper-parameters that each takes
    from settings[name].

    x, y: placeholders. An attack works on `batch_size` images at a time and is fed CHUNK times as
    many, so that images that wait can take the places of those that are done. `required` is the
    confidence that the paper's attack has to reach: a number, or 'same'.
    """

    def __init__(self, model, x, y, names, settings, required, batch_size):
        self._x, self._y, self._required, self._fed = x, y, required, CHUNK * batch_size
        settings = {name: dict(settings[name], slots=batch_size) for name in settings}
        logits = model(x)
        self._clean = {'pred': prediction(logits), 'conf': confidence(logits)}
        self._attacks = {
            name: ATTACKS[name](model, x, y, **select(ATTACKS[name], settings[name]))
            for name in names
        }
        self._rec = None
        if 'high_confidence' in names:
            x_adv = self._attacks['high_confidence'].x_adv
            back = dict(select(high_confidence, settings['high_confidence']),
                        confidence=confidence(logits), targets=self._clean['pred'])
            self._rec = high_confidence(model, x_adv, prediction(model(x_adv)), **back).x_adv

    def run(self, session, split, index, box, partial):
        """Attacks every image of a Split; returns (table, {attack: x_adv [n, ...]}).

        `index` [n] are the images' places in the dataset; chunks that `partial`, a PartialResults,
        has are not attacked again. Raises RuntimeError when an attack returned something that is
        not an image: not a number, or, with `box`, a pixel outside [0, 1].
        """
        chunks = []
        bar = tqdm(batches(split, self._fed), total=-(-len(split.x) // self._fed), desc='attacks',
                   unit='chunk', disable=None)
        for number, (x, y) in enumerate(bar):
            chunk = partial.load(number)
            if chunk is None:
                chunk = self._attack(session, x, y, box)
                partial.save(number, chunk)
            chunks.append(chunk)
            table = {
                key: np.concatenate([chunk[key]
                                     for chunk in chunks])
                for key in chunk
                if not key.endswith(IMAGES)
            }
            rho = {name: attack['rho'] for name, attack in summarise(table)['attacks'].items()}
            bar.set_postfix(
                {name: '%.4f' % value for name, value in rho.items() if value is not None},
                refresh=False)
        table = dict(table, index=index)
        ordered = {key: table[key] for key in columns(self._attacks)}
        return ordered, {
            name: np.concatenate([chunk[name + IMAGES]
                                  for chunk in chunks])
            for name in self._attacks
        }

    def _attack(self, session, x, y, box):
        """The rows of the table for images x with labels y, and the adversarial images, as one
        {name: array}.
        """
        clean, results = session.run([self._clean, self._attacks], {self._x: x, self._y: y})
        chunk = dict(clean, label=y)
        for name, result in results.items():
            check_images(name, result.x_adv, box)
            adversarial = session.run(self._clean, {self._x: result.x_adv})
            chunk.update(self._judge(name, x, result, clean, adversarial, y))
            chunk[name + IMAGES] = result.x_adv
        return chunk

    def _judge(self, name, x, result, clean, adversarial, y):
        """The columns of one attack, from its images `result.x_adv` and the model's outputs on
        them.
        """
        l2, rho = relative_norms(x, result.x_adv)
        success = adversarial['pred'] != y
        if name == 'high_confidence':
            required = clean['conf'] if self._required == 'same' else self._required
            success &= (clean['pred'] != y) | (adversarial['conf']
                                               >= required - CONFIDENCE_TOLERANCE)
        values = {'pred': adversarial['pred'], 'conf': adversarial['conf'], 'l2': l2, 'rho': rho,
                  'success': success.astype(np.int32), 'iterations': result.iterations}
        return {'%s_%s' % (name, column): value for column, value in values.items()}

    def error(self, session, split):
        """The share of a Split's images that the model misclassifies."""
        wrong = [
            session.run(self._clean['pred'], {self._x: x}) != y
            for x, y in batches(split, self._fed)
        ]
        return float(np.mean(np.concatenate(wrong)))

    def reconstruct(self, session, x, y):
        """A_f(A_f(x; t, C); y, C): the paper's attack back to the original class; None when that
        attack is not run.
        """
        return None if self._rec is None else session.run(self._rec, {self._x: x, self._y: y})


def check_images(name, x_adv, box):
    """Raises RuntimeError unless x_adv holds finite numbers and, with `box`, lies in [0, 1]."""
    if not np.isfinite(x_adv).all():
        raise RuntimeError('%s returned an image with a pixel that is not a finite number' % name)
    if box and (x_adv.min() < 0 or x_adv.max() > 1):
        raise RuntimeError(
            '%s returned an image outside [0, 1]: %g to %g' % (name, x_adv.min(), x_adv.max()))


def select_images(split, num_examples, sort_labels):
    """The first `num_examples` images of a Split (None: all), in order of their labels if so asked:
    (Split, index [n]).
    """
    index = np.arange(len(split.x))[:num_examples]
    if sort_labels:
        index = index[np.argsort(split.y[index], kind='stable')]
    return Split(split.images(index), split.y[index]), index.astype(np.int32)


def summarise_images(table, split, images):
    """summarise(table) with the mean PSNR and SSIM of each attack's successful images added."""
    summary = summarise(table)
    for name, x_adv in images.items():
        counted = counted_rows(table, name) & (table['pred'] == table['label'])
        summary['attacks'][name]['psnr'], summary['attacks'][name]['ssim'] = quality(
            split.x[counted], x_adv[counted])
    return summary
