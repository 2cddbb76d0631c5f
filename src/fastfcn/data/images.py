"""Reading image and mask files."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fastfcn.data.dataset import UInt8

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
INDEX_MODES = ("L", "P", "1", "I", "I;16")


def list_images(folder: Path) -> list[Path]:
    """Return the image files of `folder`, by name."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def read_image(path: Path, *, upright: bool = True) -> UInt8:
    """Read an image as RGB (H, W, 3), by default turned as its EXIF orientation says.

    Raises ValueError if it cannot be read.
    """
    try:
        with Image.open(path) as image:
            if image.mode in ("I", "F"):
                raise ValueError(f"{path} has {image.mode} pixels, whose range is unknown; save it with 8 or 16 bits")
            pixels = ImageOps.exif_transpose(image) if upright else image
            if image.mode.startswith("I;16"):  # Pillow would clip instead of scale
                pixels = Image.fromarray((np.array(pixels) >> 8).astype(np.uint8))
            return np.array(pixels.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as an image: {error}") from error


def read_indices(path: Path) -> np.ndarray:
    """Read a mask of class indices (H, W). Raises ValueError if it cannot be read or holds colours."""
    try:
        with Image.open(path) as image:
            if image.mode not in INDEX_MODES:
                raise ValueError(
                    f"mask {path} is {image.mode}, not class indices; save it as an 8-bit greyscale or palette PNG"
                )
            return np.array(image)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"mask {path} cannot be read: {error}") from error
