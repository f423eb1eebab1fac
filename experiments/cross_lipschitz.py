"""What Hein & Andriushchenko (NIPS 2017) ran and published, as data; beside it the defenses of this
project on their network.
"""

_MLP1 = dict(batch_size=64, optimizer='sgd', lr=0.2, lr_decay='points', lr_decay_at='0.72,0.88',
             lr_decay_factor=0.1, validation_size=1000, summary_frequency=50)
_RATES = (0.2, 0.5)   # of MNIST
_LAMBDAS = (1e-4, 1e-3)
_DECAYS = (1e-4, 1e-3)
_GRID = {
    'none': [dict()] + [dict(weight_decay=decay) for decay in _DECAYS] + [
        dict(keep_input=0.9, keep_hidden=0.5)],
    'cross_lipschitz': [dict(lmbd=lmbd, lr=lr) for lr in _RATES for lmbd in _LAMBDAS] + [
        dict(lmbd=1e-3, cl_form='margin')],
    'linear_box_at': [dict(), dict(box_ord='linf', box_random=False)],
}
_TEST = dict(attacks='deepfool,linear_box,eval_robustness', num_examples=1000,
             certificates='global,one_hidden,one_hidden_point')
_CARLINI = dict(carlini_max_iter=1000, num_examples=1000)
_HYPER = {
    'critic': {'*': dict(optimizer='adam', lr=5e-4, pretrain_niter=1)},
}

# As in experiments.table1; variants: {defense: settings tried beside each other}; hyper: stands for
# HYPERPARAMETERS.
PRESETS = {
    'cross_lipschitz': dict(
        folder='cross_lipschitz', models=('mlp1',), runs=3, niter=100, hyper=_HYPER,
        defenses=('none', 'cross_lipschitz', 'linear_box_at', 'fgsm_at', 'vat', 'margin', 'pgd_at',
                  'critic'),
        train=dict(_MLP1, dataset='mnist'), test=_TEST, carlini=_CARLINI, variants=_GRID),
    'cross_lipschitz_short': dict(
        folder='cross_lipschitz_short', models=('mlp1',), runs=1, niter=10, hyper=_HYPER,
        defenses=('none', 'cross_lipschitz'), train=dict(_MLP1, dataset='mnist'),
        test=dict(_TEST, num_examples=100, num_certified=100),
        carlini=dict(_CARLINI, num_examples=100),
        variants={'cross_lipschitz': [dict(lmbd=1e-3)]}),
}

# Read off the paper's plots, good to the last digit at best: (model, dataset) -> regulariser -> the
# ranges, over the grid, of test error in %, upper and lower bound in l2.
PUBLISHED = {
    ('mlp1', 'mnist'): {
        'none': ((1.6, 1.6), (1.1, 1.1), (0.37, 0.40)),
        'weight decay': ((1.5, 1.6), (1.1, 1.3), (0.39, 0.54)),
        'dropout': ((1.3, 1.5), (1.2, 1.6), (0.38, 0.41)),
        'cross-Lipschitz': ((1.2, 1.7), (2.0, 3.5), (0.32, 0.39)),
    },
    ('mlp1', 'cifar10'): {
        'none': ((45.6, 45.9), (0.21, 0.24), (0.12, 0.13)),
        'weight decay': ((44.4, 45.7), (0.22, 0.42), (0.13, 0.22)),
        'dropout': ((43.2, 45.6), (0.24, 0.30), (0.13, 0.15)),
        'cross-Lipschitz': ((42.4, 44.5), (0.29, 0.60), (0.13, 0.20)),
    },
    ('mlp1', 'gtsrb'): {
        'none': ((16.5, 16.8), (0.50, 0.55), (0.36, 0.38)),
        'weight decay': ((16.4, 17.7), (0.46, 0.55), (0.36, 0.46)),
        'dropout': ((11.6, 14.5), (0.54, 0.66), (0.31, 0.34)),
        'cross-Lipschitz': ((18.3, 19.4), (0.64, 0.67), (0.36, 0.39)),
    },
    ('resnet32', 'cifar10'): {
        'none': ((14, 15.3), (0.7, 3.0), None),
        'weight decay': ((11, 22.5), (0.6, 1.7), None),
        'dropout': ((10.3, 11.8), (0.7, 1.2), None),
        'cross-Lipschitz': ((13.9, 15), (1.9, 3.2), None),
    },
}
