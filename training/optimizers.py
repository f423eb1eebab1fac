"""The optimizers of the players, by name. Adam is that of section 5, for the classifier and the
critic.

Adding one: a function rate, *, hyper-parameters -> tf.train.Optimizer and a line in OPTIMIZERS.
"""
from utils.errors import check, check_choice
from utils.hyperparameters import keyword_only

import tensorflow.compat.v1 as tf

BETA1 = 0.5   # section 5, for the defense's two networks
PRETRAINING_RATE = 1e-3   # of a model with a pretraining of its own
MOMENTUM = 0.9


def adam(rate, *, beta1=BETA1):
    """Adam (Kingma & Ba, ICLR 2015); beta1 in [0, 1): the decay of the first moment."""
    return tf.train.AdamOptimizer(rate, beta1=beta1, name='Adam')


def momentum(rate, *, momentum=MOMENTUM):
    """Descent along a sum of the gradients in which older ones fade by `momentum`, in [0, 1)."""
    return tf.train.MomentumOptimizer(rate, momentum, name='Momentum')


def sgd(rate):
    """Gradient descent, that of Hein & Andriushchenko (NIPS 2017)."""
    return tf.train.GradientDescentOptimizer(rate, name='SGD')


OPTIMIZERS = {
    'adam': adam,
    'momentum': momentum,
    'sgd': sgd,
}


def resolve(name, given, critic=False):
    """{hyper-parameter: value or None} of all optimizers: those `given`, the defaults of those that
    the classifier's optimizer `name` takes and, with a `critic`, of its Adam; None for the rest.

    Raises UserError for a `given` one that neither takes.
    """
    check_choice('--optimizer', name, OPTIMIZERS)
    taken = dict(keyword_only(adam) if critic else {}, **keyword_only(OPTIMIZERS[name]))
    for key in sorted(given):
        check(key in taken, '--%s is not a hyper-parameter of the optimizer %s; it takes %s', key,
              name, ', '.join(sorted(taken)) or 'none')
    every = {key for function in OPTIMIZERS.values() for key in keyword_only(function)}
    return {key: given.get(key, taken.get(key)) for key in every}


def build_optimizers(rates, optimizer='adam', **settings):
    """{player: its optimizer}, with the learning rates rates['lr'] and rates['critic_lr'], scalars.

    optimizer: that of the classifier, of OPTIMIZERS; settings: those of `resolve`. The others' is
    Adam.
    """
    build = OPTIMIZERS[optimizer]
    given = {key: value for key, value in settings.items() if value is not None}
    own = {key: value for key, value in given.items() if key in keyword_only(build)}
    critic = tf.train.AdamOptimizer(rates['critic_lr'], beta1=given.get('beta1', BETA1),
                                    name='CriticAdam')
    return {'classifier': build(rates['lr'], **own), 'critic': critic,
            'pretraining': tf.train.AdamOptimizer(PRETRAINING_RATE, name='PretrainingAdam')}
