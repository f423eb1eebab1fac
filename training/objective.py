"""What is trained: players, their losses, and the order in which they move."""
import collections

Update = collections.namedtuple('Update', 'player loss')
Update.__doc__ = """One update of one network in a step.

player: its name, such as 'classifier' or 'critic'.
loss: () -> scalar, a mean over the batch. Called once, under the update before it, so what it
builds sees the weights that the earlier updates of the step have left.
"""

Losses = collections.namedtuple('Losses', 'logits updates metrics diagnostics after_step')
Losses.__new__.__defaults__ = ({}, {}, ())
Losses.__doc__ = """What a defense's losses(...) function returns.

logits: [n, k], the classifier's on x.
updates: the Updates of a step, in order.
metrics: name -> scalar, from tensors that the step has anyway; averaged over an epoch.
diagnostics: name -> scalar, evaluated once an epoch on validation images, without noise.
after_step: functions that build the ops to run after each step, pretraining included.
"""


def classifier_alone(logits, loss):
    """The Losses of a defense that trains nothing but the classifier: logits [n, k], loss as in
    Update.
    """
    return Losses(logits, [Update('classifier', loss)])
