"""What Szegedy et al. (ICLR 2014) trained on MNIST, and what they published of it, as data."""

_TRAIN = dict(dataset='mnist', batch_size=100, optimizer='momentum', lr=0.1, validation_size=1000,
              summary_frequency=20)
_TEST = dict(attacks='lbfgs', targets='random', num_examples=1000, save_adv=True)
_CARLINI = dict(carlini_max_iter=1000, num_examples=1000, save_adv=True)
_HYPER = {'none': {'autoencoder': dict(pretrain_niter=20)}}


def _network(layer_dims, weight_decay, name='', half=''):
    """The flags of a network, which is called by its layers as in the paper."""
    flags = dict(name=name or 'fc' + layer_dims, layer_dims=layer_dims, weight_decay=weight_decay)
    return dict(flags, split=half, validation_size=30000) if half else flags


_FC = [_network('10', decay, 'fc10_%s' % decay) for decay in ('1e-4', '1e-2', '1')] + [
    _network('100-100-10', '1e-5'),
    _network('200-200-10', '1e-5'),
    _network('123-456-10', '1e-5'),
    _network('100-100-10', '1e-5', 'fc100-100-10_p1', 'p1'),
    _network('123-456-10', '1e-5', 'fc123-456-10_p1', 'p1'),
    _network('100-100-10', '1e-5', 'fc100-100-10_p2', 'p2'),
]
_AE = [_network('400', '1e-6', 'ae400-10')]

# As in experiments.cross_lipschitz; variants: {model: settings tried beside each other}.
PRESETS = {
    'intriguing': dict(
        folder='intriguing', models=('fc', 'autoencoder'), defenses=('none',), runs=3, niter=20,
        hyper=_HYPER, train=_TRAIN, test=_TEST, carlini=_CARLINI,
        variants={'fc': _FC, 'autoencoder': _AE}),
    'intriguing_short': dict(
        folder='intriguing_short', models=('fc',), defenses=('none',), runs=1, niter=2,
        hyper=_HYPER, train=_TRAIN, test=dict(_TEST, num_examples=100),
        carlini=dict(_CARLINI, num_examples=100), variants={'fc': [_FC[0], _FC[3]]}),
}

# Table 1: network -> error on the training and on the test images in %, distortion
# sqrt(sum r^2 / pixels), all as published.
PUBLISHED = {
    'fc10_1e-4': (6.7, 7.4, 0.062),
    'fc10_1e-2': (10., 9.4, 0.1),
    'fc10_1': (21.2, 20., 0.14),
    'fc100-100-10': (0., 1.64, 0.058),
    'fc200-200-10': (0., 1.54, 0.065),
    'ae400-10': (0.57, 1.9, 0.086),
}
# Table 3: network -> error on P1, on P2 and on the test images in %, distortion.
PUBLISHED_HALVES = {
    'fc100-100-10_p1': (0., 2.4, 2., 0.062),
    'fc123-456-10_p1': (0., 2.5, 2.1, 0.059),
    'fc100-100-10_p2': (2.3, 0., 2.1, 0.058),
}
