"""What one image and its mask show."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from fastfcn.data.dataset import UInt8
from fastfcn.data.images import read_head
from fastfcn.data.labelled import MAX_VALUES
from fastfcn.data.pairs import Pair
from fastfcn.data.preparing.verify import Check, check_pair

HASH = 16  # rows and columns of a perceptual hash


@dataclass(frozen=True)
class Seen:
    """Faults and, if the files are sound, the rest.

    `pixels` counts by class index, `hash` (32 bytes) says where the shrunk image grows lighter to the right, `sums` and
    `squares` are those of each channel in 0..1.
    """

    split: str
    pair: Pair
    faults: list[str] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)  # width, height
    mode: str = ""
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(MAX_VALUES, np.int64))
    hash: bytes = b""
    sums: tuple[float, ...] = ()
    squares: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Return its split and name."""
        return f"{self.split}/{self.pair.image.name}"


def measure(item: tuple[str, Check]) -> Seen:
    """Read a pair of a split."""
    split, check = item
    checked = check_pair(check)
    if checked.faults:
        return Seen(split, check.pair, checked.faults)
    image = check.bands.read(check.pair.image, upright=check.upright)
    shares = image.reshape(-1, image.shape[2]) / (255.0 if image.dtype == np.uint8 else 1.0)
    return Seen(
        split,
        check.pair,
        [],
        (image.shape[1], image.shape[0]),
        read_head(check.pair.image).mode if check.bands.count is None else f"{image.shape[2]} channels",
        np.zeros(MAX_VALUES, np.int64) if checked.pixels is None else checked.pixels,
        perceptual_hash(check.bands.visible(image)),
        tuple(shares.sum(0).tolist()),
        tuple((shares**2).sum(0).tolist()),
    )


def perceptual_hash(image: UInt8) -> bytes:
    """Return for 16 x 16 places whether the grey image is lighter than at the next place to the right (dHash)."""
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (HASH + 1, HASH), interpolation=cv2.INTER_AREA)
    return np.packbits(grey[:, :-1] > grey[:, 1:]).tobytes()
