"""Pictures that someone else may have made, read within limits."""

import io
import os
from pathlib import Path

from PIL import Image

from fastfcn.reading import read_bytes

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
PICTURE_BYTES = 50_000_000
PICTURE_PIXELS = 50_000_000


def read_picture(path: Path, *, within: Path | None = None) -> Image.Image:
    """Read a whole picture, that no link leads to from out of the folder `within`.

    Raises OSError, or ValueError, in one line, for what is none or too large.
    """
    if within is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(within)):
        raise ValueError(f"{path} is a link out of {within}")
    content = read_bytes(path, PICTURE_BYTES)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > PICTURE_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels")
            picture.load()
            return picture.copy()
    except Exception as error:  # whatever Pillow's decoders raise for a damaged one: a dozen kinds
        raise ValueError(f"{path} is no sound picture: {error}") from error
