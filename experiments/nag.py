"""What Mopuri et al. (NAG, CVPR 2018) published, and what is run here in its place.

There are no published numbers for MNIST. Those of ImageNet are of other networks and of xi = 10 of
255 levels: they stand beside ours only where a trend is compared.
"""

XIS = {'linf': (0.1, 0.2, 0.3), 'l2': (1., 2.)}   # of MNIST
BASELINES = ('random_sign', 'brighter', 'mean_fgsm', 'mean_gradient', 'class_mean_fgsm', 'uap')
DELTAS = {'white_box': 100, 'transfer': 10}

# preset of generate_script.py: the classifiers are those that --preset=short or paper trained.
PRESET = dict(
    defenses=('none', 'fgsm_at', 'vat', 'margin', 'critic'), runs=3, xis=XIS['linf'],
    train=dict(niter=7), test=dict(num_examples=1000))

# Fooling rates in %, on ImageNet, white box.
PUBLISHED_SIZES = {   # ResNet-152: training images -> fooling rate
    1000: 61.54, 2000: 73.19, 4000: 78.18, 10000: 87.24, 50000: 91.16}
PUBLISHED_LAMBDAS = {   # ResNet-50: lambda -> (fooling rate, labels that cover 95 %, of 1000)
    10.: (76.26, 348), 1.: (86.64, 315), 0.1: (89.04, 253)}
