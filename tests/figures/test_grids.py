"""Image grids, drawn by torchvision: pixels that are known."""
import io

from utils.errors import RunError

import numpy as np
import pytest
from PIL import Image

from figures.grids import draw, save_grids

draw_with_torchvision = draw   # before the other tests do without it


def pixels(png):
    return np.int32(Image.open(io.BytesIO(png)).convert('RGB'))


def test_grids_are_the_images_in_rows_on_grey(tmp_path, monkeypatch):
    """Two pixels between and around images; five in three columns take two rows."""
    monkeypatch.setattr('figures.grids.draw', draw_with_torchvision)
    rng = np.random.RandomState(0)
    grids = {'grey': rng.uniform(size=(5, 4, 6, 1)), 'colour': rng.uniform(size=(4, 4, 4, 3))}
    paths = {name: str(tmp_path / (name + '.png')) for name in grids}
    drawn = save_grids(paths, {name: np.float32(images) for name, images in grids.items()}, 3)
    for name, images in grids.items():
        assert open(paths[name], 'rb').read() == drawn[name]
        found = pixels(drawn[name])
        n, height, width, _ = images.shape
        assert found.shape == (2 * (height + 2) + 2, 3 * (width + 2) + 2, 3)
        expected = np.full(found.shape, 127.5)
        for i in range(n):
            top, left = 2 + i // 3 * (height + 2), 2 + i % 3 * (width + 2)
            expected[top:top + height, left:left + width] = 255 * images[i]
        assert np.abs(found - expected).max() <= .51


def test_what_torchvision_cannot_draw_is_an_error():
    with pytest.raises(RunError, match='torchvision could not draw the image grids: .*Error'):
        draw_with_torchvision({'flat': np.zeros((2, 4), np.float32)})
