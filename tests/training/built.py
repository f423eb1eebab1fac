"""A defense on tiny networks, with its training step."""

from utils.hyperparameters import select
from utils.noise import Noise

import numpy as np
import tensorflow.compat.v1 as tf

import defenses
from attacks.unrolled import UnrolledAttack
from critic import build_critic
from models import build_model
from training.optimizers import build_optimizers
from training.step import build_steps
from universal.nag import build_player

X = np.float32(np.random.RandomState(0).uniform(size=(12, 6, 6, 1)))
Y = np.int32(np.arange(12) % 3)


class Built(object):
    """A defense on tiny networks: placeholders, losses and steps, with noise that moves from step
    to step where `moving` says so.
    """

    def __init__(self, defense='critic', attack=None, model=None, steps=True, weight_decay=0.,
                 beta1=None, optimizer='adam', moving=False, **given):
        if 'attack_iter' in defenses.takers_of(defense):
            given.setdefault('attack_iter', 2)   # fewer steps than the paper's 5: a smaller graph
        hyper = defenses.resolve(defense, given)
        self.x, self.y = tf.placeholder(tf.float32,
                                        (None, ) + X.shape[1:]), tf.placeholder(tf.int32, [None])
        self.step = tf.get_variable('step', [], tf.int32, tf.zeros_initializer(), trainable=False,
                                    use_resource=True)
        self.noise = Noise(1, self.step.read_value() if moving else 0)
        self.model = build_model('mlp', 3, 1, '16-16') if model is None else model
        generator = UnrolledAttack(self.model, self.noise, **select(UnrolledAttack, hyper))
        self.attack = attack(generator) if attack else generator
        self.critic = build_critic(3, 1, critic_layer_dims='16')
        self.generator, generator_adam = build_player(self.x, 1, hyper)
        self.losses = defenses.build_losses(defense, hyper, model=self.model, attack=self.attack,
                                            critic=self.critic, generator=self.generator, x=self.x,
                                            y=self.y, noise=self.noise)
        if steps:
            self.rates = {name: tf.placeholder(tf.float32, []) for name in ('lr', 'critic_lr')}
            players = {'classifier': self.model, 'critic': self.critic,
                       'generator': self.generator}
            optimizers = dict(build_optimizers(self.rates, optimizer, beta1=beta1),
                              generator=generator_adam)
            self.steps = build_steps(self.losses, players, optimizers, self.y, self.step,
                                     weight_decay=weight_decay)

    def loss(self, player):
        """The first loss of a player, built."""
        return next(loss for name, loss in self.losses.updates if name == player)()

    def feed(self, lr=1e-2, critic_lr=1e-2):
        return {self.x: X, self.y: Y, self.rates['lr']: lr, self.rates['critic_lr']: critic_lr}


def values(session, variables):
    return session.run([v.read_value() for v in variables])


def same(a, b):
    return all(np.array_equal(u, v) for u, v in zip(a, b))
