"""What tables and pictures call the defenses and the attacks: the words of the paper or the
field's, where the commands and files have identifiers.
"""
DEFENSE_NAMES = {
    'none': 'no defense',
    'fgsm_at': 'FGSM adversarial training',
    'vat': 'VAT',
    'vat_plain': 'VAT, published direction',
    'margin': 'margin',
    'pgd_at': 'PGD adversarial training',
    'critic': 'adversary critic',
    'cross_lipschitz': 'cross-Lipschitz',
    'linear_box_at': 'linear-box adversarial training',
    'nag_at': 'NAG adversarial training',
    'lbfgs_pool': 'pools of L-BFGS images',
}
ATTACK_NAMES = {
    'deepfool': 'DeepFool',
    'carlini': 'Carlini-Wagner',
    'high_confidence': 'High-confidence (paper)',
    'boundary': 'Boundary',
    'ddn': 'DDN',
    'square': 'Square',
    'fgsm': 'FGSM',
    'bim': 'BIM',
    'pgd': 'PGD',
    'ensemble': 'Ensemble',
    'linear_box': 'Linear box',
    'eval_robustness': 'Linear box, from the prediction',
    'lbfgs': 'L-BFGS',
}
MODEL_NAMES = {'mlp': 'MLP', 'lenet5': 'LeNet-5', 'mlp1': 'MLP, one hidden layer',
               'resnet32': 'ResNet-32'}
DATASET_NAMES = {'mnist': 'MNIST', 'fashion_mnist': 'Fashion-MNIST', 'digits': 'digits',
                 'cifar10': 'CIFAR-10', 'gtsrb': 'GTSRB'}
COLUMN_NAMES = dict(ATTACK_NAMES, error='Test error, %', worst='Worst case',
                    margin='Median margin', saturated='Confidence 1, %')
ENDINGS = (('_rho_median', ', median'), ('_l2_median', ', median l2'), ('_l2', ', l2'),
           ('_median', ', median'))   # of columns, in words


def defense_name(run):
    """What people call the defense of a run by its name; a name that is no defense's stands for
    itself.
    """
    return DEFENSE_NAMES.get(run, run)


def attack_name(attack):
    """What people call an attack."""
    return ATTACK_NAMES.get(attack, attack)


def column_name(column):
    """The heading of a table's column."""
    if column.startswith('robust_'):
        return 'Robust at %s, %%' % column[len('robust_'):]
    for ending, words in ENDINGS:
        if column.endswith(ending):
            return column_name(column[:-len(ending)]) + words
    return COLUMN_NAMES.get(column, column)


def model_name(model):
    """What people call a classifier."""
    return MODEL_NAMES.get(model, model)


def dataset_name(dataset):
    """What people call a dataset; one's own by the name of its file."""
    return DATASET_NAMES.get(dataset) or dataset.replace('\\', '/').split('/')[-1]


def title(model, dataset, split='test'):
    """The heading of a table: its classifier, its images."""
    words = [model_name(model), dataset_name(dataset)] + [split] * (split != 'test')
    return ', '.join(words)
