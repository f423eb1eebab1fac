"""Spectral norms, never below the truth: products of them are Lipschitz constants.

Szegedy et al. (2014), section 4.3, bound a network by the product of its layers' norms. Power
iteration approaches a norm from below, so here it only guesses: what it guesses is proven by a
Cholesky factorisation.
"""
import numpy as np
from scipy.sparse.linalg import eigsh

ROUNDING = 1e-9   # relative, of the Gram matrices and factorisations of some thousand rows
SMALL = 60   # rows up to which all eigenvalues are computed
CHUNK = 64   # frequencies decomposed at a time
SLACKS = (3e-4, 3e-3, 3e-2, 0.3)   # relative, by which a guess of the squared norm is enlarged


def gram_of(matrix):
    """matrix matrix^T or matrix^T matrix, the smaller one; both have the squared norm."""
    return matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix


def norm(matrix):
    """The spectral norm of a matrix from all eigenvalues, rounded up."""
    if not matrix.size:
        return 0.
    return float(np.sqrt(max(np.linalg.eigvalsh(gram_of(matrix))[-1], 0.)) * (1 + ROUNDING))


def norm_bound(matrix):
    """An upper bound of the spectral norm, at most 2e-4 above it where Lanczos steps find it.

    A guess t of the squared norm is proven when t I - gram has a Cholesky factorisation, which is
    a tenth of the work of the eigenvalues.
    """
    if min(matrix.shape) <= SMALL:
        return norm(matrix)
    gram = gram_of(matrix)
    if not gram.any():
        return 0.
    guess = float(eigsh(gram, k=1, v0=gram.sum(axis=1) + gram.trace(), tol=1e-4,
                        return_eigenvectors=False)[0])
    for slack in SLACKS:
        try:
            np.linalg.cholesky(guess * (1 + slack) * np.eye(len(gram)) - gram)
            return float(np.sqrt(guess * (1 + slack)) * (1 + ROUNDING))
        except np.linalg.LinAlgError:
            pass   # the guess was too small
    return norm(matrix)


def circular_norm(weights, grid, stride=1):
    """The spectral norm of the circular convolution on images of the size `grid` (h, w), multiples
    of the stride and no smaller than the kernel, rounded up; weights [height, width, channels in,
    channels out].

    Every stride-th output is kept, so stride * stride frequencies fall on one: their matrices
    [channels in, channels out] stand side by side in one, whose norm is divided by the stride. The
    sum over the frequencies is divided by its square, but only as few squares make up the output.
    """
    channels = weights.shape[2:]
    found = np.fft.fft2(np.float64(weights), grid, axes=(0, 1))
    found = found.reshape((stride, grid[0] // stride, stride, grid[1] // stride) + channels)
    found = found.transpose(1, 3, 0, 2, 4, 5).reshape(-1, stride * stride * channels[0],
                                                      channels[1])
    largest = 0.
    for start in range(0, len(found), CHUNK):
        values = np.linalg.svd(found[start:start + CHUNK], compute_uv=False)
        largest = max(largest, float(values.max()))
    return largest / stride * (1 + ROUNDING)


def convolution_norm(weights, image, stride=1):
    """An upper bound of the spectral norm of a convolution on images (h, w), SAME or VALID, with
    weights [height, width, channels in, channels out].

    The circular convolution on a grid of image + kernel - 1 contains every one of them, at each
    place where the first output may be; for a stride the grid is enlarged to a multiple of it.
    """
    grid = [-(-(image[i] + weights.shape[i] - 1) // stride) * stride for i in range(2)]
    return circular_norm(weights, grid, stride)
