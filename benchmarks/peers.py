"""Foolbox, ART and adv-lib behind one interface: {attack: (images, labels) -> adversarial images}.
"""
import torch

from utils.errors import check

import numpy as np

DEEPFOOL = dict(steps=50, overshoot=0.02)
CARLINI = dict(binary_steps=9, max_iter=1000, learning_rate=1e-2, initial_const=1e-3, confidence=0.)
OWN_CARLINI = "carlini, the peer's defaults"


class TorchTwin(torch.nn.Module):
    """The classifier of a run in PyTorch, with its weights; images are NCHW. In float64 it checks
    every attack's images.
    """

    def __init__(self, session, model):
        super().__init__()
        values = {v.op.name: session.run(v.read_value()) for v in model.variables}
        layers = list(dict.fromkeys(name.rsplit('/', 1)[0] for name in values))
        self._layers = []
        for layer in layers:
            weights, bias = (torch.nn.Parameter(torch.from_numpy(values['%s/%s' % (layer, part)]))
                             for part in ('weights', 'bias'))
            self.register_parameter(layer.replace('/', '_') + '_w', weights)
            self.register_parameter(layer.replace('/', '_') + '_b', bias)
            self._layers.append((layer.replace('/', '_') + '_w', layer.replace('/', '_') + '_b'))

    def forward(self, x):
        """Logits [n, k] of NCHW images."""
        for i, (weights, bias) in enumerate(self._layers):
            weights, bias = getattr(self, weights), getattr(self, bias)
            if weights.dim() == 4:
                x = torch.nn.functional.conv2d(x, weights.permute(3, 2, 0, 1), bias)
                x = torch.nn.functional.max_pool2d(torch.relu(x), 2)
            else:
                x = x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
                x = x @ weights + bias
                x = torch.relu(x) if i < len(self._layers) - 1 else x
        return x


def nchw(images, dtype=torch.float32):
    """NHWC NumPy images as an NCHW tensor."""
    return torch.from_numpy(np.ascontiguousarray(np.transpose(images, (0, 3, 1, 2)))).to(dtype)


def correct_in_float64(twin, images, labels):
    """[n] bool: the images that the classifier, evaluated in float64, assigns to their labels."""
    with torch.no_grad():
        return twin.double()(nchw(images, torch.float64)).numpy().argmax(axis=1) == labels


def foolbox3(twin):
    """Foolbox 3 on PyTorch."""
    import foolbox
    model = foolbox.PyTorchModel(twin.eval(), bounds=(0, 1))

    def call(attack):
        def run(images, labels):
            found = attack(model, nchw(images), torch.from_numpy(labels).long(), epsilons=None)[1]
            return np.transpose(found.numpy(), (0, 2, 3, 1))
        return run

    return {
        'deepfool': call(foolbox.attacks.L2DeepFoolAttack(**DEEPFOOL, candidates=10,
                                                          loss='logits')),
        'carlini': call(
            foolbox.attacks.L2CarliniWagnerAttack(
                binary_search_steps=CARLINI['binary_steps'], steps=CARLINI['max_iter'],
                stepsize=CARLINI['learning_rate'], confidence=0,
                initial_const=CARLINI['initial_const'], abort_early=True)),
    }


def art(classifier):
    """ART's attacks on one of its classifiers.

    At the settings above its Carlini-Wagner returns MNIST unchanged: it descends in tanh space
    without Adam, where a pixel at 0 or 1 hardly moves, and doubles the constant where the authors
    multiply by 10. So it is there with ART's own defaults.
    """
    from art.attacks.evasion import CarliniL2Method, DeepFool

    def call(attack, **settings):
        def run(images, labels):
            return attack(classifier, batch_size=len(images), verbose=False,
                          **settings).generate(images, labels)
        return run

    return {
        'deepfool': call(DeepFool, max_iter=DEEPFOOL['steps'], epsilon=DEEPFOOL['overshoot'],
                         nb_grads=10), OWN_CARLINI: call(CarliniL2Method)
    }


def art_torch(twin):
    """ART on PyTorch."""
    from art.estimators.classification import PyTorchClassifier
    attacks = art(
        PyTorchClassifier(twin, torch.nn.CrossEntropyLoss(), (1, 28, 28), 10, clip_values=(0, 1)))

    def as_nhwc(function):
        return lambda images, labels: np.transpose(
            function(np.transpose(images, (0, 3, 1, 2)), labels), (0, 2, 3, 1))
    return {name: as_nhwc(function) for name, function in attacks.items()}


def advlib(twin):
    """adv-lib on PyTorch: the attacks that find the smallest l2 perturbations among its own."""
    from adv_lib import attacks

    def call(attack, **settings):
        def run(images, labels):
            found = attack(twin, nchw(images), torch.from_numpy(labels).long(), **settings)
            return np.transpose(found.detach().numpy(), (0, 2, 3, 1))
        return run

    return {
        'ddn': call(attacks.ddn, steps=100, levels=None),
        'fab, 9 targets': call(attacks.fab, norm=2, n_iter=100, targeted_restarts=True),
        'alma': call(attacks.alma, distance='l2', num_steps=1000),
        'pdgd': call(attacks.pdgd, num_steps=1000),
    }


def foolbox2(session, x, logits):
    """Foolbox 2.4 on the TensorFlow 1.15 graph and session of the run."""
    import foolbox
    with session.as_default():
        model = foolbox.models.TensorFlowModel(x, logits, bounds=(0, 1))

    def call(attack, **settings):
        def run(images, labels):
            with session.as_default():
                found = attack(images, labels.astype(np.int64), **settings)
            return np.where(np.isnan(found), images,
                            found)   # an image for which it finds nothing comes back as NaN
        return run

    return {
        'deepfool': call(foolbox.attacks.DeepFoolL2Attack(model), steps=DEEPFOOL['steps'],
                         subsample=10),
        'carlini': call(foolbox.attacks.CarliniWagnerL2Attack(model),
                        binary_search_steps=CARLINI['binary_steps'],
                        max_iterations=CARLINI['max_iter'], learning_rate=CARLINI['learning_rate'],
                        initial_const=CARLINI['initial_const'], confidence=0, abort_early=True),
    }


def art_tensorflow(session, x, y, logits):
    """ART 1.19 on the TensorFlow 1.15 graph and session of the run."""
    from art.estimators.classification import TensorFlowClassifier
    return art(
        TensorFlowClassifier(input_ph=x, output=logits, labels_ph=y, sess=session,
                             clip_values=(0, 1)))


def peers(session, model, x, y, twin, names):
    """{name: {attack: function}} of the peers that this runtime has; names: None for all."""
    import tensorflow.compat.v1 as tf
    if tf.__version__.startswith('1.'):
        makers = {
            'foolbox': lambda: foolbox2(session, x, model(x)),
            'art': lambda: art_tensorflow(session, x, y, model(x))
        }
    else:
        makers = {'foolbox': lambda: foolbox3(twin), 'art': lambda: art_torch(twin),
                  'advlib': lambda: advlib(twin)}
    found = {}
    for name in sorted(makers) if names is None else names:
        check(name in makers, '--peers names %r; expected some of %s', name,
              ', '.join(sorted(makers)))
        found[name] = makers[name]()
    return found
