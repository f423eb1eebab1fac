"""The handwritten digits that scikit-learn bundles: real handwriting without a download."""
import numpy as np

TEST_SIZE = 400


def digits(unused_data_dir):
    """scikit-learn's 1797 handwritten digits, 8 x 8 with 17 grey levels, resized to 28 x 28 with
    scikit-image.
    """
    from skimage.transform import resize  # both take seconds
    from sklearn.datasets import load_digits
    bundled = load_digits()
    images = [
        resize(image / 16., (28, 28), order=1, mode='edge', anti_aliasing=False)
        for image in bundled.images
    ]
    x = np.clip(np.asarray(images, np.float32), 0., 1.)[..., np.newaxis]
    y = bundled.target.astype(np.int32)
    order = np.random.RandomState(0).permutation(len(x))
    test, train = order[:TEST_SIZE], order[TEST_SIZE:]
    return (x[train], y[train]), (x[test], y[test])
