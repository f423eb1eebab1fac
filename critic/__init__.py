"""The adversary critic D: its network, its losses and its hyper-parameters.

Adding another critic: a file with its build function and a line in CRITICS.
"""
from utils.errors import check_choice

from critic.network import critic_mlp
from models import parse_layer_dims
from models.network import Network
from training.schedule import learning_rate

CRITICS = {
    'mlp': critic_mlp,
}
SCOPE = 'critic'

HELP = {
    'critic_model': 'architecture of the critic: ' + ', '.join(sorted(CRITICS)),
    'critic_layer_dims': 'hidden units of the critic, joined by "-"',
    'critic_lr': "learning rate of the critic's Adam",
    'critic_lr_decay_factor': "the critic's learning rate is multiplied by this (with "
                              '--lr_decay=exp after every epoch)',
    'critic_lr_decay_step': 'every so many epochs (with --lr_decay=step)',
}


def build_critic(num_classes, seed, initial_weights='normal', *, critic_model='mlp',
                 critic_layer_dims='1200-1200'):
    """Returns the critic as a Network: critic(x, noise=..., call=...) -> logits [n, num_classes].
    """
    build = CRITICS[check_choice('--critic_model', critic_model, CRITICS)]
    layer_dims = parse_layer_dims('critic_layer_dims', critic_layer_dims)

    def critic(layers, x, **use):
        return build(layers, x, num_classes, layer_dims, **use)

    return Network(SCOPE, seed, critic, initial_weights=initial_weights)


def critic_learning_rate(epoch, lr_decay, points=(), *, critic_lr=1e-3, critic_lr_decay_factor=0.5,
                         critic_lr_decay_step=40):
    """The learning rate of the critic in an epoch (the first is 1); `points`: see learning_rate."""
    return learning_rate(epoch, critic_lr, lr_decay, critic_lr_decay_factor, critic_lr_decay_step,
                         points)
