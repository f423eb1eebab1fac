"""Attacks a network: python -m benchmarks.xla.attack PROGRAM.hlo PLATFORM MNIST WEIGHTS.npz COUNT.

PROGRAM comes from export_attack.py, WEIGHTS from run.py. Attacks the first COUNT test images and
prints the mean of rho (eq. 8), over all of them; norms are taken in float64.
"""
import sys

import jax.numpy as jnp
import numpy as np

from benchmarks.xla.run import load_program, read_mnist


def attack(program, record, weights, x, y):
    """The columns of results.tsv for images x [n, ...] with labels y, as {name: array [n]}."""
    state = [jnp.asarray(weights[name.replace('/', '|')]) for name in record['state']]
    size = record['inputs'][0][1][0]
    columns = []
    for start in range(0, len(y), size):
        images = x[start:start + size]
        outputs = program(jnp.asarray(images), jnp.asarray(y[start:start + size]), *state)
        pred, conf, x_adv, iterations, pred_adv, conf_adv = (np.asarray(v) for v in outputs)
        flat = np.float64(images).reshape(len(images), -1)
        r = np.float64(x_adv).reshape(len(images), -1) - flat
        l2 = np.linalg.norm(r, axis=1)
        columns.append({'pred': pred, 'conf': conf, 'adv_pred': pred_adv, 'adv_conf': conf_adv,
                        'l2': l2, 'rho': l2 / np.linalg.norm(flat, axis=1),
                        'iterations': iterations})
    return {key: np.concatenate([column[key] for column in columns]) for key in columns[0]}


def main(path, platform, mnist, weights, count):
    """Prints one line."""
    program, record = load_program(path, platform)
    x, y = (part[:int(count)] for part in read_mnist(mnist, 't10k'))
    table = attack(program, record, np.load(weights), x, y)
    print('%d images: error %.2f %%, rho %.4f, failed %d' % (
        len(y), 100 * np.mean(table['pred'] != y), table['rho'].mean(),
        np.sum(table['adv_pred'] == y)))


if __name__ == '__main__':
    main(*sys.argv[1:])
