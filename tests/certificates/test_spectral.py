"""Spectral norms are never below the truth, and near it."""
import numpy as np
import pytest

from certificates import Convolution
from certificates.layers import ConvolutionMap
from certificates.spectral import circular_norm, convolution_norm, norm, norm_bound
from tests.certificates.reference import matrix_of


@pytest.mark.parametrize('shape', [(5, 9), (100, 80), (70, 300), (1, 40)])
def test_dense_norms(shape):
    matrix = np.random.RandomState(0).randn(*shape)
    exact = np.linalg.svd(matrix, compute_uv=False)[0]
    assert exact <= norm(matrix) <= exact * (1 + 1e-8)
    assert exact <= norm_bound(matrix) <= exact * (1 + 1e-3)


def test_a_norm_with_several_equal_values_and_an_empty_matrix():
    assert 1 <= norm_bound(np.eye(90)) <= 1 + 1e-3
    assert norm_bound(np.zeros((80, 90))) == 0 and norm_bound(np.zeros((0, 5))) == 0
    matrix = np.zeros((90, 90))
    matrix[3, 70] = 2.   # far from the start of the Lanczos steps
    matrix[:3, :3] = 1.
    assert 3 <= norm_bound(matrix) <= 3.003


@pytest.mark.parametrize('stride', [1, 2, 4])
@pytest.mark.parametrize('padding', ['SAME', 'VALID'])
def test_convolutions_are_bounded_by_their_grid(stride, padding):
    rng = np.random.RandomState(0)
    layer = Convolution(rng.randn(3, 2, 2, 4), np.zeros(4), stride, padding)
    matrix, _, _ = matrix_of(layer, (8, 7, 2))
    exact = np.linalg.svd(matrix, compute_uv=False)[0]
    bound = convolution_norm(layer.weights, (8, 7), stride)
    assert exact <= bound <= 1.5 * exact
    assert bound <= convolution_norm(layer.weights, (8, 7)) * (1 + 1e-9)   # rows left out


@pytest.mark.parametrize('stride', [1, 2, 4])
def test_circular_convolutions_are_those_of_their_whole_matrix(stride):
    """On a grid that the stride divides the norm is exact: the aliases are divided by the stride,
    not by its square.
    """
    rng = np.random.RandomState(stride)
    weights = rng.randn(3, 5, 2, 3)
    matrix = circular_matrix(weights, (8, 12), stride)
    exact = np.linalg.svd(matrix, compute_uv=False)[0]
    assert circular_norm(weights, (8, 12), stride) == pytest.approx(exact, rel=3e-9)
    assert circular_norm(weights, (8, 12), stride) >= exact
    if stride > 1:
        assert circular_norm(weights, (8, 12), stride) < circular_norm(weights, (8, 12))


def circular_matrix(weights, grid, stride):
    """The matrix of a circular convolution, [numbers in, numbers out], entry by entry."""
    places = [size // stride for size in grid]
    matrix = np.zeros(grid + weights.shape[2:3] + tuple(places) + weights.shape[3:])
    for i, j, u, v in np.ndindex(*(weights.shape[:2] + tuple(places))):
        matrix[(u * stride + i) % grid[0], (v * stride + j) % grid[1], :, u, v] += weights[i, j]
    return matrix.reshape(np.prod(grid) * weights.shape[2], -1)


def test_the_circular_grid_of_the_image_is_too_small():
    """outer([1, -1, 1]) on 5 x 5, SAME: the truth is above the norm of the circular convolution."""
    weights = np.outer([1., -1., 1.], [1., -1., 1.])[:, :, None, None]
    matrix, _, _ = matrix_of(Convolution(weights, np.zeros(1), 1, 'SAME'), (5, 5, 1))
    exact = np.linalg.svd(matrix, compute_uv=False)[0]
    circular = np.abs(np.fft.fft2(weights[:, :, 0, 0], (5, 5))).max()
    assert circular == pytest.approx(6.854, abs=1e-3) and exact == pytest.approx(7.464, abs=1e-3)
    assert convolution_norm(weights, (5, 5)) == pytest.approx(7.851, abs=1e-3)


def test_the_identity_has_norm_one():
    weights = np.zeros((3, 3, 2, 2))
    weights[1, 1] = np.eye(2)
    assert convolution_norm(weights, (6, 6)) == pytest.approx(1)


@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('padding', ['SAME', 'VALID'])
def test_a_convolution_is_tensorflows(session, stride, padding):
    import tensorflow.compat.v1 as tf
    rng = np.random.RandomState(0)
    weights, bias = rng.randn(3, 2, 2, 4), rng.randn(4)
    x = rng.randn(5, 8, 7, 2)
    expected = session.run(tf.nn.conv2d(tf.constant(x), tf.constant(weights),
                                        [1, stride, stride, 1], padding) + bias)
    found = ConvolutionMap(Convolution(weights, bias, stride, padding), (8, 7, 2))
    assert found.shape == expected.shape[1:]
    assert np.allclose(found.forward(x.reshape(5, -1)), expected.reshape(5, -1), atol=1e-12)
    rows = rng.randn(6, found.outputs)
    matrix, _, _ = matrix_of(Convolution(weights, bias, stride, padding), (8, 7, 2))
    assert np.allclose(found.backward(rows), rows @ matrix.T, atol=1e-12)
