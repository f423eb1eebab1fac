"""Pictures: grids through torchvision, their quality through scikit-image."""
import io
import math
import sys

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from utils.files import atomic_write


def _import_torchvision():
    """torch and torchvision.utils, imported when first needed and without triton.

    triton brings an LLVM of its own, which crashes in a process that has imported TensorFlow 2.21; torch does without it.
    """
    hidden = 'triton' not in sys.modules
    if hidden:
        sys.modules['triton'] = None
    try:
        import torch
        import torchvision.utils
    finally:
        if hidden:
            del sys.modules['triton']
    return torch, torchvision.utils


def grid_png(images, columns=None):
    """Images [n, h, w, 1 or 3] in [0, 1] as the PNG bytes of a grid, as square as can be by default."""
    torch, torchvision_utils = _import_torchvision()
    columns = columns or int(math.ceil(math.sqrt(len(images))))
    stream = io.BytesIO()
    nchw = torch.from_numpy(np.ascontiguousarray(np.transpose(images, (0, 3, 1, 2))))
    torchvision_utils.save_image(nchw, stream, nrow=columns, pad_value=0.5, format='png')
    return stream.getvalue()


def save_grid(path, images, columns=None):
    """Writes grid_png(images) to a file; returns the bytes."""
    png = grid_png(images, columns)
    with atomic_write(path, 'wb') as stream:
        stream.write(png)
    return png


def quality(x, x_adv):
    """Mean PSNR (dB) and SSIM of images x_adv against x, [n, h, w, c] in [0, 1]; images that are equal are left out of the PSNR.

    Returns (None, None) where there is nothing to average.
    """
    psnr = [peak_signal_noise_ratio(a, b, data_range=1.) for a, b in zip(x, x_adv) if not np.array_equal(a, b)]
    ssim = [np.mean([structural_similarity(a[..., c], b[..., c], data_range=1.) for c in range(a.shape[-1])])
            for a, b in zip(x, x_adv) if min(a.shape[:2]) >= 7]
    return tuple(float(np.mean(values)) if values else None for values in (psnr, ssim))
