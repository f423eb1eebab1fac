"""What a defense's losses(...) function returns."""
import collections

Losses = collections.namedtuple('Losses', 'logits classifier critic metrics diagnostics after_step')
Losses.__new__.__defaults__ = ((), {}, {}, ())
Losses.__doc__ = """The losses of a defense; each is a mean over the batch.

logits: [n, k], the model's on x.
classifier: () -> scalar, the loss of the model. Called once, under the critic's update, so what it
builds sees the new critic.
critic: [() -> scalar], one for each update of the critic in a step, in order; empty without a
critic.
metrics: name -> scalar, from tensors that the step has anyway; averaged over an epoch.
diagnostics: name -> scalar, evaluated once an epoch on validation images, without noise.
after_step: functions that build the ops to run after each step, pretraining included.
"""
