"""TIFF files of any channels and types of numbers, read window by window: memory is that of the window."""

import itertools
import logging
import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastfcn.installation import install_extra

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and big TIFF, of either byte order
MOST_PIXELS = 178_000_000  # read at once, as of other images
MOST_OF_SEGMENT = 2**26  # values of a tile or strip, which is decoded as a whole
KEPT = 2**26  # bytes of decoded segments
SLACK = 2**16  # bytes by which a packed segment may be larger than twice what it unpacks to
ORIENTATION, NODATA = 274, 42113

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what stops it is told in one line


def is_tiff(path: Path) -> bool:
    """Tell whether a file begins as a TIFF does."""
    with path.open("rb") as file:
        return file.read(4) in MAGIC


class Tiff:
    """The one picture of a TIFF file, or the channels that are pictures of one size: `shape` (H, W, C) and `dtype`.

    Smaller versions of the picture, which viewers use, are passed over. Raises ValueError, naming the file, if it is
    damaged or holds several pictures.
    """

    def __init__(self, path: Path) -> None:
        import tifffile  # takes a quarter of a second, and few images need it

        self.path = path
        self._kept: OrderedDict[tuple[int, int], tuple[NDArray[Any] | None, Sequence[int]]] = OrderedDict()
        self._file = self._guarded(lambda: tifffile.TiffFile(path))
        self._pages = self._guarded(self._main_pages)
        page = self._pages[0]
        channels = len(self._pages) * page.samplesperpixel
        self.shape: tuple[int, int, int] = (page.imagelength, page.imagewidth, channels)
        self.dtype: np.dtype[Any] = self._guarded(lambda: np.dtype(page.dtype))
        self.photometric = int(page.photometric)
        self._require_plain(page)

    @property
    def pixels(self) -> int:
        """Return their number."""
        return self.shape[0] * self.shape[1]

    @property
    def nodata(self) -> float | None:
        """Return the value of pixels that hold nothing, as GDAL writes it, if it is told."""
        text = self.tag(NODATA)
        try:
            return None if text is None else float(str(text).strip("\0 "))
        except ValueError:
            return None

    def tag(self, code: int) -> Any:
        """Return the value of a tag; None if there is none."""
        return self._guarded(lambda: getattr(self._pages[0].tags.get(code), "value", None))

    def whole(self) -> NDArray[Any]:
        """Read all pixels (H, W, C). Raises ValueError if there are too many."""
        if self.pixels > MOST_PIXELS:
            raise ValueError(
                f"{self.path} has {self.pixels // 10**6} million pixels, more than the {MOST_PIXELS // 10**6} that "
                "are read at once"
            )
        return self.window(0, self.shape[0], 0, self.shape[1])

    def window(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """Read the pixels of a window that lies in the picture, (h, w, C)."""
        window = np.zeros((bottom - top, right - left, self.shape[2]), self.dtype)
        if nodata := self.nodata:
            window[:] = np.array(nodata).astype(self.dtype)  # what sparse files leave out
        for number, page in enumerate(self._pages):
            for segment, (plane, row, column) in self._segments(page, top, bottom, left, right):
                rows = slice(max(row, top), min(row + segment.shape[0], bottom))
                columns = slice(max(column, left), min(column + segment.shape[1], right))
                channel = number + plane
                window[_from(rows, top), _from(columns, left), channel : channel + segment.shape[2]] = segment[
                    _from(rows, row), _from(columns, column)
                ]
        return window

    def read_segment(self, page: Any, index: int) -> tuple[NDArray[Any] | None, Sequence[int]]:
        """Decode a tile or strip (h, w, c), and tell its place: plane, depth, top, left; None where it is left out."""
        size, expected = page.databytecounts[index], math.prod(page.chunks) * self.dtype.itemsize
        if size > 2 * expected + SLACK:
            raise ValueError(f"a part of {expected} bytes is packed into {size}")
        content = None
        if size:
            self._file.filehandle.seek(page.dataoffsets[index])
            content = self._file.filehandle.read(size)
        segment, place, _ = page.decode(content, index, jpegtables=page.jpegtables)
        return (None if segment is None else segment[0]), place

    def _kept_segment(self, page: Any, index: int) -> tuple[NDArray[Any] | None, Sequence[int]]:
        """Decode a tile or strip, or take it from the last ones, which neighbouring windows share."""
        key = (id(page), index)
        if key not in self._kept:
            self._kept[key] = self._guarded(lambda: self.read_segment(page, index))
            room = KEPT // (math.prod(page.chunks) * self.dtype.itemsize)
            while len(self._kept) > max(room, 1):
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def _segments(
        self, page: Any, top: int, bottom: int, left: int, right: int
    ) -> Iterator[tuple[NDArray[Any], tuple[int, int, int]]]:
        """Yield the tiles or strips that a window touches, each with its plane, top and left."""
        height, width = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
        down, across = math.ceil(page.imagelength / height), math.ceil(page.imagewidth / width)
        planes = page.samplesperpixel if page.planarconfig == 2 else 1
        rows = range(top // height, math.ceil(bottom / height))
        columns = range(left // width, math.ceil(right / width))
        for plane, row, column in itertools.product(range(planes), rows, columns):
            index = (plane * down + row) * across + column
            segment, place = self._kept_segment(page, index)
            if segment is not None:
                yield segment, (place[0], place[2], place[3])

    def _main_pages(self) -> list[Any]:
        pages = [page for page in self._file.pages if not (page.is_reduced or page.is_mask)]
        first = pages[0]
        alike = all((page.shape, page.dtype) == (first.shape, first.dtype) for page in pages)
        if len(pages) > 1 and (first.samplesperpixel > 1 or not alike):
            raise ValueError(f"it holds {len(pages)} pictures; save the one that is meant by itself")
        return pages

    def _require_plain(self, page: Any) -> None:
        if page.imagedepth != 1:
            raise ValueError(f"{self.path} is a volume of {page.imagedepth} pictures; save the one that is meant")
        if self.tag(ORIENTATION) not in (None, 1):
            raise ValueError(
                f"{self.path} is stored turned (its orientation is {self.tag(ORIENTATION)}); save it upright"
            )
        if math.prod(page.chunks) > MOST_OF_SEGMENT:
            raise ValueError(
                f"{self.path} is stored in parts of {math.prod(page.chunks[:2]) // 10**6} million pixels, which are "
                "read whole; save it tiled (gdal_translate -co TILED=YES)"
            )

    def _guarded(self, work: Any) -> Any:
        """Call what reads the file, which anyone may have made."""
        try:
            return work()
        except MemoryError:
            raise
        except Exception as error:  # tifffile raises what it stumbles over, of a dozen types
            reason = str(error) or type(error).__name__
            if "imagecodecs" in reason:
                reason = (
                    f"it is packed in a way ({reason.split()[0]}) for which more is needed: {install_extra('tiff')}"
                )
            raise ValueError(f"{self.path} cannot be read as a TIFF: {reason}") from error


def _from(part: slice, start: int) -> slice:
    return slice(part.start - start, part.stop - start)
