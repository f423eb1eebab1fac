"""The generator of universal perturbations (Mopuri et al., NAG, CVPR 2018): z -> delta."""
from utils.errors import check
from utils.ops import lp_norm, norm, per_image

import numpy as np
import tensorflow.compat.v1 as tf

from models.network import Network

SIZE = 5       # of the filters
SMALLEST = 4   # side of the images that the dense layer makes, at least
CHANNELS = {1: 16, 3: 32}   # before the last layer, by the channels of the image
HELP = {
    'xi': 'norm of the perturbations, of which linf can be less',
    'universal_ord': 'norm of the perturbations: linf or l2',
    'latent': 'dimensions of z, which is uniform in [-1, 1]',
    'spread': 'standard deviation over the pixels of u, linf perturbations being xi tanh(u); 0: '
              'u as it comes',
}


def doublings(image_shape):
    """How often the side of a small image is doubled to make one of this shape: 28 -> 7 twice, 32
    -> 4 three times.
    """
    h, w = image_shape[:2]
    count = 0
    while h % 2 == w % 2 == 0 and min(h, w) // 2 >= SMALLEST:
        h, w, count = h // 2, w // 2, count + 1
    return count


class Generator(Network):
    """z [n, latent] -> delta [n, h, w, c]: delta = xi tanh(u) for linf, xi u / ||u||_2 for l2.

    u is a dense layer, then deconvolutions that double the side and halve the channels, then a
    convolution. Nothing is normalised over the batch, so that a delta depends on its z alone. For
    linf, u gets mean 0 and standard deviation `spread` over its own pixels: else all of them go one
    way in the first steps, tanh saturates, and the generator learns no more. Raises
    UserError unless xi is positive, the norm known, latent at least 1 and spread at least 0.
    """

    def __init__(self, image_shape, seed, *, xi=0.2, universal_ord='linf', latent=10,
                 spread=4.):
        check(xi > 0, '--xi is %s; expected a number above 0', xi)
        check(latent >= 1, '--latent is %s; expected at least 1', latent)
        check(spread >= 0, '--spread is %s; expected at least 0', spread)
        self.image_shape = list(image_shape)
        self.xi, self.latent, self.spread = xi, latent, spread
        self.ord = norm(universal_ord, '--universal_ord')
        super().__init__('generator', seed, self._perturbations, tf.nn.relu)

    def sample(self, n, noise, name):
        """n perturbations [n, h, w, c], of z that `noise` draws under this name."""
        return self(noise.uniform([n, self.latent], -1., 1., name))

    def _perturbations(self, layers, z):
        h, w, c = self.image_shape
        count = doublings(self.image_shape)
        channels = CHANNELS.get(c, max(CHANNELS.values())) * 2 ** count
        small = [h // 2 ** count, w // 2 ** count, channels]
        net = tf.nn.relu(layers.dense(z, int(np.prod(small)), 'fc0'))
        net = tf.reshape(net, [-1] + small)
        for i in range(count):
            channels //= 2
            net = tf.nn.relu(layers.deconv(net, channels, SIZE, 'deconv%d' % i))
        u = layers.conv(net, c, SIZE, 'conv0', padding='SAME')
        if self.ord == 2:
            return self.xi * u / per_image(lp_norm(u, epsilon=1e-24), u)
        if self.spread:
            mean, variance = tf.nn.moments(u, [1, 2, 3], keepdims=True)
            u = self.spread * (u - mean) / tf.sqrt(variance + 1e-12)
        return self.xi * tf.tanh(u)
