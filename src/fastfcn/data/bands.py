"""The channels of an image file as a network reads them: red, green and blue of 8 bits, or the file's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fastfcn.data.dataset import Pixels, UInt8
from fastfcn.data.images import jpeg_size, read_as_stored, read_image
from fastfcn.data.tiff import Tiff, is_tiff
from fastfcn.data.windowed import LARGE, Reducible, Windowed
from fastfcn.options import Count, holds, within

Ends = Annotated[tuple[float, float], holds("LOW,HIGH, LOW below HIGH", lambda ends: ends[0] < ends[1])]
Range = Ends | Annotated[list[Ends], holds("a pair, or a list of pairs", bool)] | Literal["measured"]
BandCount = Annotated[int, within(1, 16)]
Shown = Annotated[list[Count], holds("a list of one or three channels", lambda shown: len(shown) in (1, 3))]
RGB = 3  # channels
FULL = 255  # of 8 bits
MEASURED = "measured"
RGB_PHOTOMETRIC = 2


@dataclass(frozen=True)
class Bands:
    """How image files are read. By default as 8-bit RGB, whatever they hold; with `count` as so many channels.

    Then `ranges`, one for all channels or one for each, are brought to 0..1 as float32, what lies beyond ends there and
    what holds nothing (NaN, GDAL's nodata) is 0, black; without, images are uint8. `measures`: the ranges are still to
    be measured. `shown` are the channels of pictures, as red, green and blue or as grey.
    """

    count: int | None = None
    ranges: tuple[tuple[float, float], ...] | None = None
    shown: tuple[int, ...] = ()
    measures: bool = False

    @classmethod
    def of(cls, channels: int | None, span: Any, shown: Sequence[int] | None) -> "Bands":
        """Read the options of a dataset. Raises ValueError for those that do not go together."""
        if channels is None:
            for name, value in (("range", span), ("shown", shown)):
                if value is not None:
                    raise ValueError(
                        f"data.{name}= is of images that are read as they are stored: give data.channels=N"
                    )
            return cls()
        ranges = None
        if span is not None and span != MEASURED:
            ranges = tuple((low, high) for low, high in (span if isinstance(span[0], list | tuple) else [span]))
            if len(ranges) not in (1, channels):
                raise ValueError(
                    f"data.range has {len(ranges)} pairs for data.channels={channels}; give one, or one each"
                )
        if beyond := [each for each in shown or () if each >= channels]:
            raise ValueError(
                f"data.shown names channel {beyond[0]}; those of data.channels={channels} are 0 to {channels - 1}"
            )
        default = (0, 1, 2) if channels >= RGB else (0,)
        return cls(channels, ranges, tuple(shown or default), span == MEASURED)

    @classmethod
    def described(cls, data: Mapping[str, Any]) -> "Bands":
        """Read the options of a dataset that a checkpoint keeps."""
        return cls.of(data.get("channels"), data.get("range"), data.get("shown"))

    @property
    def channels(self) -> int:
        """Return how many a network reads."""
        return RGB if self.count is None else self.count

    @property
    def dtype(self) -> type[np.uint8] | type[np.float32]:
        """Return the type of images that were read."""
        return np.uint8 if self.ranges is None and not self.measures else np.float32

    def ends(self, channel: int) -> tuple[float, float]:
        """Return what 0 and 1 are in the file."""
        if self.ranges is None:
            return 0.0, float(FULL)
        return self.ranges[channel % len(self.ranges)]

    def read(self, path: Path, *, upright: bool = True) -> Pixels:
        """Read an image (H, W, C), uint8 or float32 in 0..1.

        Raises ValueError, naming the file, if it cannot be read, has other channels or numbers without a range.
        """
        if self.count is None:
            return read_image(path, upright=upright)
        values, nodata = self.stored(path, upright=upright)
        return self._scaled(values, path, nodata)

    def stored(self, path: Path, *, upright: bool = True) -> tuple[NDArray[Any], float | None]:
        """Read the numbers of an image (H, W, C), and tell the one that stands for nothing. Raises ValueError."""
        if not is_tiff(path):
            values = read_as_stored(path, upright=upright)
            self._require(path, values.shape)
            return values, None
        tiff = Tiff(path)
        self._require(path, tiff.shape)
        return tiff.whole(), tiff.nodata

    def check(self, path: Path, *, upright: bool) -> tuple[int, ...]:
        """Read an image, all of it, and return its shape (H, W, C). Raises ValueError as above."""
        large = self.windowed(path)
        if large is None and self.count is None:
            return read_image(path, upright=upright).shape
        if large is None:
            return self.stored(path, upright=upright)[0].shape
        for _ in large.stored_parts():
            pass
        return large.shape

    def windowed(self, path: Path) -> Windowed | None:
        """Open an image that is too large to be read at once; None for the others."""
        if not is_tiff(path):
            return None
        try:
            tiff = Tiff(path)
        except ValueError:
            if self.count is None:
                return None  # another reader may know it
            raise
        if tiff.pixels <= LARGE:
            return None
        if self.count is not None:
            self._require(path, tiff.shape)
            nodata = tiff.nodata
            return Windowed(tiff, lambda values: self._scaled(values, path, nodata), self.channels)
        if tiff.dtype != np.uint8 or tiff.photometric != RGB_PHOTOMETRIC or tiff.shape[2] < RGB:
            return None
        return Windowed(tiff, lambda values: np.ascontiguousarray(values[..., :RGB]), RGB)

    def reducible(self, path: Path, *, upright: bool) -> Reducible | None:
        """Open an image that can be read at a part of its size; None for what is no JPEG."""
        size = jpeg_size(path, upright=upright) if self.count is None else None
        if size is None:
            return None
        return Reducible((*size, RGB), lambda enough: read_image(path, upright=upright, enough=enough))

    def visible(self, image: Pixels) -> UInt8:
        """Return an image (H, W, C) as 8-bit RGB (H, W, 3) to look at."""
        if self.count is None:
            return image
        chosen = image[..., list(self.shown)]
        if chosen.dtype != np.uint8:
            chosen = np.rint(chosen * FULL).astype(np.uint8)
        return np.ascontiguousarray(np.broadcast_to(chosen, (*chosen.shape[:2], RGB)))

    def _require(self, path: Path, shape: tuple[int, ...]) -> None:
        height, width, channels = shape
        if channels != self.count:
            raise ValueError(f"{path} has {channels} channels of {width}x{height} pixels, data.channels={self.count}")

    def _scaled(self, values: NDArray[Any], path: Path, nodata: float | None) -> Pixels:
        if self.ranges is None:
            if values.dtype == np.uint8 and not self.measures:
                return values
            raise ValueError(
                f"{path} holds {values.dtype}: give what 0 and 1 are to be by data.range=[LOW,HIGH], or "
                "data.range=measured"
            )
        low, span = (np.array(each, np.float64) for each in zip(*((a, b - a) for a, b in self.ranges), strict=True))
        wide = np.float32 if values.dtype in (np.uint8, np.uint16, np.int16, np.float16, np.float32) else np.float64
        scaled: NDArray[Any] = (values.astype(wide) - low.astype(wide)) / span.astype(wide)
        scaled[~np.isfinite(scaled)] = 0
        if nodata is not None:
            scaled[values == nodata] = 0
        return np.clip(scaled, 0, 1, out=scaled).astype(np.float32, copy=False)
