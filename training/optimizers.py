"""The optimizers of the players: Adam, as section 5 has it for the classifier and the critic."""
import tensorflow.compat.v1 as tf

BETA1 = 0.5   # section 5, for the defense's two networks


def build_optimizers(rates, beta1=BETA1):
    """{player: its Adam}, with the learning rates rates['lr'] and rates['critic_lr'], scalars;
    `beta1` in [0, 1) is the decay of the first moment.
    """
    return {
        'classifier': tf.train.AdamOptimizer(rates['lr'], beta1=beta1, name='Adam'),
        'critic': tf.train.AdamOptimizer(rates['critic_lr'], beta1=beta1, name='CriticAdam'),
    }
