"""The experiments as data: what generate_script.py prints commands from. The constants are those of
section 5.
"""

MODELS = ('mlp', 'lenet5')
TABLE_1 = ('none', 'fgsm_at', 'vat', 'margin', 'critic')
BASELINES = TABLE_1[:-1]
DEFENSES = ('none', 'fgsm_at', 'vat', 'margin', 'pgd_at', 'critic', 'cross_lipschitz',
            'linear_box_at', 'nag_at', 'lbfgs_pool')   # in the order of the tables

# Defense -> model ('*': any) -> flags of train.py. The learning rates of the baselines are those
# that results/tuning chose.
# Defenses that are not here train with their defaults, where --defenses names them.
HYPERPARAMETERS = {
    'none': {'*': dict(lr=1e-3)},
    'fgsm_at': {'*': dict(epsilon=0.1, lmbd=1.), 'mlp': dict(lr=1e-3), 'lenet5': dict(lr=5e-4)},
    'vat': {'*': dict(epsilon=2., lmbd=1., lr=1e-3)},
    'margin': {'*': dict(lmbd=0.1, lr=1e-3)},
    'critic': {
        '*': dict(pretrain_niter=1, lmbd_rec_l2=0.01, lmbd_grad=10., lr=5e-4, critic_lr=1e-3,
                  attack_iter=5, attack_overshoot=0.05, attack_confidence='class_running_mean'),
        'mlp': dict(lmbd=0.5), 'lenet5': dict(lmbd=0.1)
    },
}
DECAYING = ('lr_decay_step', 'critic_lr_decay_step')

_MNIST = dict(dataset='mnist', batch_size=100, lr=5e-4)
_TEST = dict(attack_iter=500, attack_clip=0.1, hc_confidence='same')
_CARLINI = dict(carlini_max_iter=1000)

# folder: where runs and results go; variants: settings tried beside each other.
PRESETS = {
    'paper': dict(folder='.', models=MODELS, defenses=TABLE_1, runs=10, niter=100, train=_MNIST,
                  test=_TEST, carlini=_CARLINI),
    'short': dict(folder='short', models=MODELS, defenses=TABLE_1, runs=1, niter=10, train=_MNIST,
                  test=dict(_TEST, num_examples=1000), carlini=dict(_CARLINI, num_examples=1000)),
    'demo': dict(
        folder='demo', models=('mlp', ), defenses=TABLE_1, runs=1, niter=60, train=dict(
            dataset='digits', batch_size=100, layer_dims='300-300-300', summary_frequency=60),
        test=dict(_TEST, attacks='deepfool,high_confidence,boundary,carlini', num_examples=100,
                  **_CARLINI),
        carlini=dict(_CARLINI, num_examples=100)),
    'tune': dict(
        folder='tuning', models=MODELS, defenses=BASELINES, runs=1, niter=5,
        train=dict(_MNIST, summary_frequency=5), test=_TEST, carlini=_CARLINI, variants=[
            dict(lr=lr, lr_decay=decay) for lr in (2e-4, 5e-4, 1e-3) for decay in ('step', 'no')
        ]),
}


def decay_step(niter):
    """After how many of `niter` epochs the learning rates are halved, and again: section 5's every
    40 of 100, in proportion.
    """
    return max(1, 2 * niter // 5)


# Table 1 as published; the first digit of the MLP's reference error is lost in the scan of the
# paper and was restored. (model, defense) -> test error in %, then rho under DeepFool, Carlini-
# Wagner and the paper's attack.
PUBLISHED = {
    ('mlp', 'none'): (1.46, 0.131, 0.124, 0.173),
    ('mlp', 'fgsm_at'): (0.90, 0.228, 0.210, 0.299),
    ('mlp', 'vat'): (0.84, 0.244, 0.215, 0.355),
    ('mlp', 'margin'): (0.84, 0.262, 0.230, 0.453),
    ('mlp', 'critic'): (1.18, 0.290, 0.272, 0.575),
    ('lenet5', 'none'): (0.64, 0.157, 0.148, 0.207),
    ('lenet5', 'fgsm_at'): (0.55, 0.215, 0.191, 0.286),
    ('lenet5', 'vat'): (0.60, 0.225, 0.195, 0.330),
    ('lenet5', 'margin'): (0.54, 0.248, 0.225, 0.470),
    ('lenet5', 'critic'): (0.93, 0.288, 0.278, 0.590),
}
COLUMNS = ('error', 'deepfool', 'carlini', 'high_confidence')


def published(model, defense, column):
    """The published value of a cell of Table 1, None where there is none."""
    row = PUBLISHED.get((model, defense))
    return row[COLUMNS.index(column)] if row and column in COLUMNS else None
