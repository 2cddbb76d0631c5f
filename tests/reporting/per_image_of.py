"""Files of images, as anyone might write them."""

import numpy as np

from fastfcn.reporting.per_image import PerImage


def empty_images(count: int) -> PerImage:
    """Images without a pixel that counts."""
    return PerImage.of(["a"] * count, [np.zeros((2, 0), np.int64)] * count, 4)
