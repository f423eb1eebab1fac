"""Learning rates as a function of the epoch alone, so that a resumed run has the same ones."""
from utils.errors import check, check_choice

DECAYS = ('step', 'exp', 'no')


def learning_rate(epoch, lr, decay='step', factor=0.5, step=40):
    """The learning rate in an epoch (the first is 1): lr, multiplied by `factor` every `step`
    epochs ('step') or every epoch ('exp').
    """
    check_choice('--lr_decay', decay, DECAYS)
    check(step >= 1, 'the learning rate is to decay every %s epochs; expected at least 1', step)
    if decay == 'no':
        return lr
    return lr * factor ** ((epoch - 1) // (step if decay == 'step' else 1))
