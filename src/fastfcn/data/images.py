"""Reading image and mask files, which anyone may have made and which may be damaged."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fastfcn.data.dataset import UInt8

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp")
INDEX_MODES = ("L", "P", "1", "I", "I;16", "I;16B", "I;16L")
NO_IMAGE = "cannot be read as an image"
SAVE_AS = "save it as an 8-bit greyscale or palette PNG of class indices"
UPRIGHT = 1  # EXIF's orientation of pictures that are stored as they are seen
SAME_SIZE = (2, 3, 4)  # orientations that mirror, or turn by half: sizes do not tell them
UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip

# Pillow warns from 89 million pixels on and refuses from twice as many on; the refusal is told below.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def list_images(folder: Path) -> list[Path]:
    """Return the image files of `folder`, by name."""
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries if is_image(entry.name) and entry.is_file())


def is_image(name: str) -> bool:
    """Tell whether the file of that name is read as an image."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


class _UnfitError(ValueError):
    """A file that can be read, but not as what is wanted."""


@contextmanager
def _opened(path: Path, failure: str) -> Iterator[tuple[Image.Image, bytes]]:
    """Open the picture at `path`, and return its content too. Raises ValueError, which begins with `failure`."""
    try:
        content = path.read_bytes()  # at once: Pillow would ask for it bit by bit
        with Image.open(BytesIO(content)) as picture:
            frames = 1 if picture.format in ("JPEG", "MPO") else getattr(picture, "n_frames", 1)
            if frames > 1:
                raise _UnfitError(f"{failure}: it holds {frames} pictures; save the one that is meant by itself")
            yield picture, content
    except (_UnfitError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        reason = "its kind is not known" if content else "it is empty"
        raise ValueError(f"{failure}: {reason}") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ValueError(f"{failure}: it has more than {limit // 10**6} million pixels; cut it into tiles") from error
    except Exception as error:  # Pillow's decoders raise what they stumble over, of a dozen types
        raise ValueError(f"{failure}: {error or type(error).__name__}") from error


def read_image(path: Path, *, upright: bool = True) -> UInt8:
    """Read an image as RGB (H, W, 3), by default turned as its EXIF orientation says.

    Raises ValueError if it cannot be read.
    """
    with _opened(path, f"{path} {NO_IMAGE}") as (image, content):
        if image.mode in ("I", "F"):
            raise _UnfitError(f"{path} has {image.mode} pixels, whose range is unknown; save it with 8 or 16 bits")
        if image.format == "JPEG" and image.mode == "RGB" and not (upright and _orientation(image) != UPRIGHT):
            pixels = _decode_jpeg(content)
            if pixels is not None:
                return pixels
        return _decode(image, upright=upright)


@dataclass(frozen=True)
class Head:
    """What a picture says of itself; `palette` holds the colours of indices, three bytes each, where it has them."""

    mode: str
    height: int
    width: int
    palette: bytes | None


def read_head(path: Path) -> Head:
    """Read the head of a picture, as stored. Raises ValueError if it cannot be read."""
    with _opened(path, f"{path} {NO_IMAGE}") as (image, _):
        palette = bytes(image.getpalette("RGB") or ()) if image.mode == "P" else None
        return Head(image.mode, image.height, image.width, palette)


def read_colours(path: Path) -> UInt8:
    """Read a picture as red, green, blue and opacity (H, W, 4), as stored. Raises ValueError if it cannot be read."""
    with _opened(path, f"{path} {NO_IMAGE}") as (image, _):
        return np.array(_as_stored(image).convert("RGBA"))


def orientation(path: Path) -> int:
    """Return EXIF's orientation of an image, 1 (upright) to 8, from the file's head. Raises ValueError as above."""
    with _opened(path, f"{path} {NO_IMAGE}") as (image, _):
        return _orientation(image)


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    return value if value in UNDO else UPRIGHT


def _decode_jpeg(content: bytes) -> UInt8 | None:
    """Decode by OpenCV: the same library and pixels as Pillow's in three quarters of the time; None if damaged."""
    pixels: UInt8 | None = cv2.imdecode(
        np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    )
    return pixels


def _decode(image: Image.Image, *, upright: bool) -> UInt8:
    deep = image.mode.startswith("I;16")
    pixels = ImageOps.exif_transpose(image) if upright else _as_stored(image)
    if deep:  # Pillow would clip instead of scale
        pixels = Image.fromarray((np.array(pixels) >> 8).astype(np.uint8))
    return np.array(pixels.convert("RGB"))


def _as_stored(picture: Image.Image) -> Image.Image:
    """Load a picture without turning it; Pillow turns TIFFs by itself."""
    turned = _orientation(picture) if picture.format == "TIFF" else UPRIGHT
    picture.load()
    return picture if turned == UPRIGHT else picture.transpose(UNDO[turned])


def read_indices(path: Path) -> np.ndarray:
    """Read a mask of class indices (H, W). Raises ValueError if it cannot be read or holds colours.

    Pillow stretches grey values of 2 and 4 bits to 0 to 255; they are taken back.
    """
    with _opened(path, f"mask {path} cannot be read") as (image, _):
        if image.format in ("JPEG", "MPO") or "jpeg" in str(image.info.get("compression")):
            raise _UnfitError(f"mask {path} is a JPEG, which does not keep values; {SAVE_AS}")
        if image.mode not in INDEX_MODES:
            what = "floating-point numbers" if image.mode == "F" else image.mode
            raise _UnfitError(f"mask {path} is {what}, not class indices; {SAVE_AS}")
        stretched = re.search(r"'L;([24])'", str(getattr(image, "tile", "")))
        values = np.array(_as_stored(image))
        if values.dtype == bool:
            return values.astype(np.uint8)
        return values // (255 // (2 ** int(stretched[1]) - 1)) if stretched else values
