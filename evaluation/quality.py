"""How different adversarial images look, through scikit-image."""
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def quality(x, x_adv):
    """Mean PSNR (dB) and SSIM of images x_adv against x, [n, h, w, c] in [0, 1]; images that are
    equal are left out of the PSNR.

    Returns (None, None) where there is nothing to average.
    """
    psnr = [peak_signal_noise_ratio(a, b, data_range=1.)
            for a, b in zip(x, x_adv) if not np.array_equal(a, b)]
    ssim = [np.mean([structural_similarity(a[..., c], b[..., c], data_range=1.)
                     for c in range(a.shape[-1])])
            for a, b in zip(x, x_adv) if min(a.shape[:2]) >= 7]
    return tuple(float(np.mean(values)) if values else None for values in (psnr, ssim))
