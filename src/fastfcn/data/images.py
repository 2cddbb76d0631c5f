"""Reading image and mask files, which anyone may have made and which may be damaged."""

import contextlib
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fastfcn.data.dataset import UInt8
from fastfcn.data.tiff import MAGIC, is_tiff

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp")
INDEX_MODES = ("L", "P", "1", "I", "I;16", "I;16B", "I;16L")
GREY_WITH_OPACITY = 4  # PNG's colour types that Pillow reduces to 8 bits: this, and
DEEP_COLOURS = (2, GREY_WITH_OPACITY, 6)
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1, "I;16B": 1, "I;16L": 1}  # of Pillow's modes
NO_IMAGE = "cannot be read as an image"
SAVE_AS = "save it as an 8-bit greyscale or palette PNG of class indices"
UPRIGHT = 1  # EXIF's orientation of pictures that are stored as they are seen
SAME_SIZE = (2, 3, 4)  # orientations that mirror, or turn by half: sizes do not tell them
UNDO = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
SIDEWAYS = (5, 6, 7, 8)  # of these, height is width

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
        if content[:4] in MAGIC:
            reason = "it is a TIFF of other pixels than RGB or grey, for which a training is told data.channels=N"
        raise ValueError(f"{failure}: {reason}") from error
    except Image.DecompressionBombError as error:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ValueError(f"{failure}: it has more than {limit // 10**6} million pixels; cut it into tiles") from error
    except Exception as error:  # Pillow's decoders raise what they stumble over, of a dozen types
        raise ValueError(f"{failure}: {error or type(error).__name__}") from error


def read_image(path: Path, *, upright: bool = True, enough: tuple[int, int] | None = None) -> UInt8:
    """Read an image as RGB (H, W, 3), by default turned as its EXIF orientation says.

    A JPEG is decoded at a half, a quarter or an eighth of its sides where the height and width that are `enough` allow
    it. Raises ValueError if it cannot be read.
    """
    with _opened(path, f"{path} {NO_IMAGE}") as (image, content):
        if enough is not None:
            stored = image.size
            image.draft("RGB", enough if _is_turned(image, upright=upright) else enough[::-1])
            if image.size != stored:
                return _decode(image, upright=upright)
        if image.mode in ("I", "F"):
            raise _UnfitError(
                f"{path} has {image.mode} pixels, whose range is unknown; save it with 8 or 16 bits, or train with "
                "data.channels=1 and data.range="
            )
        if image.format == "JPEG" and image.mode == "RGB" and not (upright and _orientation(image) != UPRIGHT):
            pixels = _decode_jpeg(content)
            if pixels is not None:
                return pixels
        return _decode(image, upright=upright)


def jpeg_size(path: Path, *, upright: bool = True) -> tuple[int, int] | None:
    """Return height and width of a JPEG as `read_image` would read it, None of another file. Raises ValueError."""
    with _opened(path, f"{path} {NO_IMAGE}") as (image, _):
        if image.format not in ("JPEG", "MPO"):
            return None
        return image.size if _is_turned(image, upright=upright) else (image.height, image.width)


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


def read_as_stored(path: Path, *, upright: bool = True) -> NDArray[Any]:
    """Read the numbers of an image, uint8 or uint16, as (H, W, C). Raises ValueError if it cannot be read."""
    with _opened(path, f"{path} {NO_IMAGE}") as (image, content):
        if image.format == "PNG" and content[24] == 16 and content[25] in DEEP_COLOURS:
            return _decode_deep(content, path)
        if image.mode not in CHANNELS:
            raise _UnfitError(
                f"{path} has {image.mode} pixels; save it with 1 to 4 channels of 8 or 16 bits, or as a TIFF"
            )
        pixels = np.array(ImageOps.exif_transpose(image) if upright else _as_stored(image))
        return pixels if pixels.ndim == 3 else pixels[..., None]


def _decode_deep(content: bytes, path: Path) -> NDArray[np.uint16]:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise _UnfitError(f"{path} {NO_IMAGE}: it is damaged")
    order = [0, 3] if content[25] == GREY_WITH_OPACITY else [2, 1, 0, 3][: pixels.shape[2]]  # of OpenCV's channels
    return np.ascontiguousarray(pixels[..., order])


def orientation(path: Path) -> int:
    """Return EXIF's orientation of an image, 1 (upright) to 8, from the file's head. Raises ValueError as above.

    A TIFF that Pillow does not know, of many channels or of floats, counts as upright: others than that are refused.
    """
    if is_tiff(path):
        with contextlib.suppress(ValueError), _opened(path, str(path)) as (image, _):
            return _orientation(image)
        return UPRIGHT
    with _opened(path, f"{path} {NO_IMAGE}") as (image, _):
        return _orientation(image)


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    return value if value in UNDO else UPRIGHT


def _is_turned(image: Image.Image, *, upright: bool) -> bool:
    return upright and _orientation(image) in SIDEWAYS


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
