"""docs/networks.md: its lines attack a network as they stand, in a process without TensorFlow."""
import importlib.util
import os
import re
import shutil
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from attacks import deepfool
from evaluation.networks import load_network, write_network
from tests.running import ROOT, run_script
from tests.stored import random_network

PAGE = open(os.path.join(ROOT, 'docs', 'networks.md'), encoding='utf-8').read()
LINES, FORWARD = re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL)[1:]
NETWORK = re.search(r"'(results/networks/.*?)'", LINES).group(1)
SAVE = """
assert 'tensorflow' not in __import__('sys').modules
x = images.clone().requires_grad_()
logits = Network()(x)
gradient = torch.autograd.grad(logits[:, 0].sum(), x)[0]
np.savez('found.npz', images=images, labels=labels, x_adv=x_adv, logits=logits.detach(),
         gradient=gradient)
"""


def test_the_attack_takes_fifteen_lines():
    assert len(LINES.splitlines()) <= 15


def l2(x):
    """The norms [n] of images."""
    return np.linalg.norm(x.reshape(len(x), -1), axis=1)


def with_convolutions(lines):
    """The lines with the page's second `forward` in the place of the first."""
    body = re.search(r'    def forward.*?        return .*?\n', lines, re.DOTALL).group()
    return lines.replace(body, FORWARD)


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 8), reason='there is no Foolbox 3 for this Python')
@pytest.mark.skipif(importlib.util.find_spec('foolbox') is None, reason='Foolbox is not installed')
@pytest.mark.skipif(importlib.util.find_spec('torch') is None, reason='PyTorch is not installed')
@pytest.mark.parametrize('network', ['mlp', 'lenet5', 'recorded'])
def test_the_lines_attack_a_network(tmp_path, session, network):
    """Its images fool the network as this program reads it; logits and gradients are the same."""
    path = tmp_path / NETWORK
    path.parent.mkdir(parents=True)
    if network != 'recorded':
        write_network(str(path), random_network(network, shape=(28, 28, 1), num_classes=10))
    elif os.path.exists(os.path.join(ROOT, NETWORK)):
        shutil.copy(os.path.join(ROOT, NETWORK), str(path))
    else:
        pytest.skip('%s is not recorded' % NETWORK)
    script = tmp_path / 'lines.py'
    script.write_text((with_convolutions(LINES) if network == 'lenet5' else LINES) + SAVE)
    status, out, err = run_script(str(script), cwd=str(tmp_path))
    assert status == 0, err
    with np.load(str(tmp_path / 'found.npz')) as found:
        labels = found['labels']
        images, x_adv, gradient = (np.transpose(found[name], (0, 2, 3, 1))
                                   for name in ('images', 'x_adv', 'gradient'))
        logits = found['logits']
    model = load_network(str(path))
    x = tf.constant(images)
    expected = session.run([model(x), tf.gradients(model(x)[:, 0], x)[0]])
    for values, own in zip((logits, gradient), expected):
        assert np.allclose(values, own, atol=1e-5 * np.abs(own).max())
    fooled = session.run(model(tf.constant(x_adv))).argmax(axis=1) != labels
    assert images.shape == (20, 28, 28, 1) and x_adv.min() >= 0 and x_adv.max() <= 1
    assert fooled.mean() > 0.9
    rho = l2(np.float64(x_adv) - images) / l2(images)
    assert 'mean rho %.3f' % rho.mean() in out
    if network == 'recorded':
        assert np.sum(logits.argmax(axis=1) == labels) >= 19
        attack = deepfool(model, x, tf.constant(labels, tf.int32), max_iter=50, clip=0.)
        own_rho = l2(session.run(attack.x_adv) - images) / l2(images)
        assert rho.mean() == pytest.approx(own_rho.mean(), rel=0.05)
