"""No defense: the reference rows of Table 1; dropout, for networks that have it."""
from utils.ops import nll

import tensorflow.compat.v1 as tf

from models import Training
from training.objective import classifier_alone

HELP = {
    'keep_input': 'share of the pixels that dropout keeps in training',
    'keep_hidden': 'share of the hidden units that dropout keeps in training',
}


def losses(model, x, y, noise, *, keep_input=1., keep_hidden=1.):
    """Negative log-likelihood of the labels, L(f(x), y) of eq. 1, with dropout (Srivastava et al.,
    JMLR 2014) where less than all is kept.
    """
    logits = model(x)
    training = Training(noise, keep_input, keep_hidden)

    def classifier_loss():
        return tf.reduce_mean(nll(model.trained(x, logits, training), y))
    return classifier_alone(logits, classifier_loss)
