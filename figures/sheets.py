"""Numbered images on a sheet, for people to label; and a picture within a page."""
import base64
import io

import numpy as np
from PIL import Image, ImageDraw

COLUMNS = 5
SIDE = 112      # pixels of an image at least
MARGIN = 18     # around an image, with its number above


def data_uri(png):
    """PNG bytes as what a page embeds."""
    return 'data:image/png;base64,' + base64.b64encode(png).decode()


def sheet_png(images):
    """Images [n, h, w, 1 or 3] of bytes, numbered from 1 on, as the PNG bytes of a sheet."""
    n, height, width, _ = images.shape
    scale = -(-SIDE // max(height, width))
    down, right = scale * height + MARGIN, scale * width + MARGIN
    rows = -(-n // COLUMNS)
    canvas = np.full((rows * down + MARGIN, COLUMNS * right + MARGIN, 3), 255, np.uint8)
    corners = [(MARGIN + place // COLUMNS * down, MARGIN + place % COLUMNS * right)
               for place in range(n)]
    for image, (y, x) in zip(images, corners):
        large = image.repeat(scale, axis=0).repeat(scale, axis=1)
        canvas[y:y + scale * height, x:x + scale * width] = large
    sheet = Image.fromarray(canvas)
    draw = ImageDraw.Draw(sheet)
    for number, (y, x) in enumerate(corners, 1):
        draw.text((x, y - 14), str(number), fill=(0, 0, 0))
    stream = io.BytesIO()
    sheet.save(stream, 'png')
    return stream.getvalue()
