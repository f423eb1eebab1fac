"""The hinge of margin maximization, where a constant in place of a mask would show."""
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from defenses.margin import hinge


@pytest.mark.parametrize('scale', [1., 1e5, 1e10])
def test_the_hinge_masks_a_label_that_leads_by_any_margin(session, scale):
    """max over j other than y of (1 + f_j - f_y), at least 0; the gradient is that of the pair."""
    logits = tf.constant(np.float32([[5., 1., 2.], [3., 1., 9.]]) * np.float32(scale))
    y = tf.constant([0, 0])
    loss = hinge(logits, y)
    assert np.allclose(session.run(loss), [max(0, 1 - 3 * scale), 1 + 6 * scale])
    assert session.run(tf.gradients(loss, logits)[0]).tolist() == [[0, 0, 0], [-1, 0, 1]]
