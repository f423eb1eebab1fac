"""Initial weights by NumPy, so that they need not travel: what TensorFlow's stateless Gaussians are
on a CPU, to 1.2e-7.

Philox 4x32-10 (Salmon et al., SC 2011) with the key and counter that TensorFlow makes of a seed,
and the Box-Muller transform.
"""
import zlib

import numpy as np

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = 0x9E3779B9, 0xBB67AE85
SCRAMBLE = 0x3EC8F720, 0x02461E29   # the key under which TensorFlow mixes a seed
ROUNDS = 10
LEAST = np.float32(1e-7)            # of the uniform number under the logarithm


def philox(counter, key):
    """Four uint32 arrays [n] from four uint32 arrays [n] and a key of two numbers."""
    words = [np.asarray(word, np.uint32) for word in counter]
    for number in range(ROUNDS):
        keys = [np.uint32((key[i] + number * WEYL[i]) & 0xFFFFFFFF) for i in range(2)]
        products = [MULTIPLIERS[i] * words[2 * i].astype(np.uint64) for i in range(2)]
        high = [(product >> np.uint64(32)).astype(np.uint32) for product in products]
        low = [product.astype(np.uint32) for product in products]
        words = [high[1] ^ words[1] ^ keys[0], low[1], high[0] ^ words[3] ^ keys[1], low[0]]
    return words


def stateless_normal(shape, seed, stddev):
    """tf.random.stateless_normal(shape, seed, stddev=stddev), float32."""
    mixed = [int(word[0]) for word in philox([[seed[0]], [0], [seed[1]], [0]], SCRAMBLE)]
    size = int(np.prod(shape))
    groups = np.arange(-(-size // 4), dtype=np.uint32)
    zeros = np.zeros_like(groups)
    counter = [groups, zeros, zeros + np.uint32(mixed[2]), zeros + np.uint32(mixed[3])]
    uniform = [((word & np.uint32(0x7FFFFF)) | np.uint32(0x3F800000)).view(np.float32) - 1
               for word in philox(counter, mixed[:2])]
    columns = []
    for u, v in (uniform[:2], uniform[2:]):
        length = np.sqrt(np.float32(-2) * np.log(np.maximum(u, LEAST)))
        angle = np.float32(2 * np.pi) * v
        columns += [np.sin(angle) * length, np.cos(angle) * length]
    values = np.stack(columns, axis=1).reshape(-1)[:size]
    return (values * np.float32(stddev)).reshape(shape)


def initial_weights(seed, name, shape):
    """What models.layers begins the variable `name` with, in a run of that seed."""
    scope = name.rsplit('/', 1)[0]
    key = [zlib.crc32(('%d/%s' % (seed, scope)).encode()) & 0x7FFFFFFF, 0]
    return stateless_normal(shape, key, np.sqrt(2. / np.prod(shape[:-1])))
