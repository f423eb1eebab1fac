"""Learning rates as a function of the epoch alone, so that a resumed run has the same ones."""
from utils.errors import UserError, check, check_choice

DECAYS = ('step', 'exp', 'points', 'no')
POINTS = '0.72,0.88'   # of Hein & Andriushchenko (NIPS 2017)
CLOSE = 1e-9   # two numbers of epochs are the same


def learning_rate(epoch, lr, decay='step', factor=0.5, step=40, points=()):
    """The learning rate in an epoch (the first is 1): lr, multiplied by `factor` every `step`
    epochs ('step'), every epoch ('exp'), or once after each number of epochs in `points`
    ('points').
    """
    check_choice('--lr_decay', decay, DECAYS)
    check(step >= 1, 'the learning rate is to decay every %s epochs; expected at least 1', step)
    done = epoch - 1
    if decay == 'no':
        return lr
    if decay == 'points':
        return lr * factor ** sum(done > point - CLOSE for point in points)
    return lr * factor ** (done // (step if decay == 'step' else 1))


def read_points(text, niter):
    """The numbers of epochs, of `niter`, that the fractions in `text` stand for, such as '0.72,
    0.88'; raises UserError for what is not fractions in (0, 1) that grow.
    """
    try:
        fractions = [float(part) for part in text.split(',')]
    except ValueError:
        raise UserError('--lr_decay_at is %r; expected fractions of the run, such as %s' %
                        (text, POINTS))
    check(0 < fractions[0] and fractions[-1] < 1 and fractions == sorted(set(fractions)),
          '--lr_decay_at is %s; expected fractions in (0, 1) that grow, such as %s', text, POINTS)
    return [fraction * niter for fraction in fractions]


def settled_points(decay, given):
    """The fractions that the schedule `decay` takes: those `given`, or POINTS; None for a schedule
    that takes none. Raises UserError for what is given and not taken.
    """
    if decay == 'points':
        return given or POINTS
    check(given is None, '--lr_decay_at is given with --lr_decay=%s; expected points', decay)
