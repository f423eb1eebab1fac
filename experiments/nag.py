"""What Mopuri et al. (NAG, CVPR 2018) published, and what is run here in its place.

There are no published numbers for MNIST. Those of ImageNet are of other networks and of xi = 10 of
255 levels: they stand beside ours only where a trend is compared.
"""
import os

XIS = (0.1, 0.2, 0.3)   # l_inf
TRANSFER_XIS = (0.2, 0.3)
L2_XIS = (1., 2.)
LOSSES = ('batch_log', 'mean_log', 'bounded')
LAMBDAS = (0., 1., 10.)
NITER = 7                    # epochs of
TRAIN_SIZE = 10000           # training images, for every generator but those of
SIZES = (1000, 2000, 4000)   # that are trained for as many steps
SPREAD = 4.   # of a generator, the default
BASELINES = 'random_sign,brighter,mean_fgsm,mean_gradient,class_mean_fgsm,uap'
DELTAS, TRANSFER_DELTAS = 100, 10   # perturbations of a generator, on its own classifier and others

# The classifiers are those of --preset=paper, seed 1.
PRESETS = {
    'nag': dict(folder='.', models=('mlp',), runs=3, niter=NITER,
                defenses=('none', 'fgsm_at', 'vat', 'margin', 'critic')),
}

# Fooling rates in %, on ImageNet, white box.
PUBLISHED_SIZES = {   # ResNet-152: training images -> fooling rate
    1000: 61.54, 2000: 73.19, 4000: 78.18, 10000: 87.24, 50000: 91.16}
PUBLISHED_LAMBDAS = {   # ResNet-50: lambda -> (fooling rate, labels that cover 95 %, of 1000)
    10.: (76.26, 348), 1.: (86.64, 315), 0.1: (89.04, 253)}


def generators(defenses, first):
    """(defense, flags of train_universal.py) of the generators of a seed. Those after the first
    seed are of `none` alone, and of the usual settings.
    """
    for defense in defenses:
        if first or defense == 'none':
            for xi in XIS:
                yield defense, dict(xi=xi)
        if first:
            for xi in L2_XIS:
                yield defense, dict(xi=xi, universal_ord='l2')
        if first and defense in ('none', 'critic'):
            for loss in LOSSES:
                for lmbd in LAMBDAS:
                    if (loss, lmbd) != (LOSSES[0], 1.):
                        yield defense, dict(xi=0.2, nag_loss=loss, lmbd=lmbd)
        if first and defense == 'none':
            for size in SIZES:
                yield defense, dict(xi=0.2, train_size=size)


def name_of(defense, flags):
    """The name of a generator's run: its classifier, and the settings that it has."""
    words = ['%s_s1' % defense, '%s%g' % (flags.get('universal_ord', 'linf'), flags['xi'])]
    if 'nag_loss' in flags:
        words.append('%(nag_loss)s_lmbd%(lmbd)g' % flags)
    if 'train_size' in flags:
        words.append('%(train_size)dimages' % flags)
    return '_'.join(words)


def train_settings(defense, flags, seed, model, *, root, niter):
    """The flags of train_universal.py for one generator; root: where runs_<model>/ lies; niter:
    epochs of TRAIN_SIZE images.
    """
    epochs = niter * TRAIN_SIZE // flags.get('train_size', TRAIN_SIZE)
    return dict(name=name_of(defense, flags), seed=seed, niter=epochs,
                load_dir=os.path.join(root, 'runs_' + model, defense + '_s1'),
                train_dir=os.path.join(root, 'runs_nag_' + model), resume=True, **flags)


def measure_settings(defense, flags, seed, model, defenses, *, root, results, first):
    """The flags of test.py for one generator on its own classifier, and on the others
    where it is of the first seed, the usual loss and a xi of the matrix.
    """
    universal = os.path.join(root, 'runs_nag_' + model, '%s_s%d' % (name_of(defense, flags), seed))
    for attacked in defenses:
        own = attacked == defense
        if own or first and set(flags) == {'xi'} and flags['xi'] in TRANSFER_XIS:
            more = dict(baselines=BASELINES) if own and first and set(flags) <= {
                'xi', 'universal_ord'} else {}
            yield dict(load_dir=os.path.join(root, 'runs_' + model, attacked + '_s1'),
                       universal=universal, working_dir=os.path.join(results, 'test_nag_' + model),
                       universal_deltas=DELTAS if own else TRANSFER_DELTAS, num_examples=1000,
                       resume=True, **more)
