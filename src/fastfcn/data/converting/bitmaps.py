"""Pictures inside of annotation files, in base64."""

import base64
import binascii
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_PIXELS = 178_000_000  # as of images
MARKS = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"BM": ".bmp", b"II*": ".tif", b"MM": ".tif", b"RIFF": ".webp"}


def read_bitmap(text: str, place: str) -> NDArray[np.bool_]:
    """Decode a mask of one object, whose pixels are not zero, (H, W). Raises ValueError beginning with `place`."""
    content = decode_base64(text, place)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels")
            return np.array(picture.convert("L")) > 0
    except Exception as error:  # of a dozen types, from Pillow's decoders
        raise ValueError(f"{place} is no PNG that can be read: {error}") from error


def sniffed_suffix(text: str, place: str) -> str:
    """Return the suffix of a picture by its first bytes. Raises ValueError beginning with `place`."""
    head = decode_base64(text[:64], place)
    for mark, suffix in MARKS.items():
        if head.startswith(mark):
            return suffix
    raise ValueError(f"{place} is no picture of a known kind")


def decode_base64(text: str, place: str) -> bytes:
    """Decode. Raises ValueError beginning with `place`."""
    try:
        return base64.b64decode("".join(text.split()).rpartition("base64,")[2], validate=True)  # of a data: URI, too
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{place} is damaged: {error}") from error
