"""Attacks on models with many classes: the closed form is reached, in memory for a few Jacobians.
"""
import pytest

from tests.running import run_script

# Argument: how the model ends. Prints the largest error against the closed form, the peak in MiB:
# VmHWM, since that of getrusage begins with the peak of the process which started this one.
CODE = r"""
from tests.known import LinearModel, attack_images, closest_boundary
import re
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from attacks import deepfool

tf.disable_v2_behavior()
rng = np.random.RandomState(0)
linear = LinearModel(rng.randn(36, 400), np.zeros(400))
images = np.float32(rng.uniform(.2, .8, (20, 36)))
labels = np.int32(linear.logits(images).argmax(axis=1))
END = {'dense': tf.identity, 'other': lambda logits: tf.nn.leaky_relu(logits, alpha=1.)}
model = lambda x: END[sys.argv[1]](linear(x))
with tf.Session() as session:
    x_adv = attack_images(session, deepfool, model, images, labels, clip=0., box=False)[0]
distance = closest_boundary(linear, images, labels)[0]
norms = np.linalg.norm(np.float64(x_adv) - images, axis=1)
print(np.abs(norms - 1.02 * (distance + 1e-4)).max(),
      int(re.search(r'VmHWM:\s*(\d+)', open('/proc/self/status').read()).group(1)) / 1024.)
"""


@pytest.mark.slow
@pytest.mark.parametrize('end', ['dense', 'other'])
def test_deepfool_with_400_classes_takes_memory_for_a_few_jacobians(end):
    """n k^3 numbers would be 5 GB, n k^2 13 MB, n k d 1 MB; TensorFlow alone takes up to 0.7 GB."""
    status, out, err = run_script('-c', CODE, end)
    assert status == 0, err
    error, peak = map(float, out.split()[-2:])
    assert error < 1e-5
    assert peak < 1500
