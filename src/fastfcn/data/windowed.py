"""Images and masks of which less is read than there is: windows of what is too large, or fewer pixels."""

from collections.abc import Callable, Iterator
from typing import Any

from numpy.typing import NDArray

from fastfcn.data.tiff import Tiff

LARGE = 2**24  # pixels; what has more is read by windows, if its file allows that
BLOCK = 2**22  # pixels read together where all are wanted


class Windowed:
    """An image (H, W, C), or with `channels` None a mask (H, W): indexed by two slices, it reads that part.

    `change` makes of the file's numbers (h, w, C) what is wanted.
    """

    def __init__(self, tiff: Tiff, change: Callable[[NDArray[Any]], NDArray[Any]], channels: int | None) -> None:
        self.tiff = tiff
        self.change = change
        self.shape: tuple[int, ...] = (*tiff.shape[:2], *([] if channels is None else [channels]))

    def __getitem__(self, window: tuple[slice, slice]) -> NDArray[Any]:
        """Read a window; slices end at the border."""
        (top, bottom, _), (left, right, _) = (
            each.indices(side) for each, side in zip(window, self.shape[:2], strict=True)
        )
        return self.change(self.tiff.window(top, bottom, left, right))

    def parts(self) -> Iterator[NDArray[Any]]:
        """Yield all pixels, some rows at a time."""
        return map(self.change, self.stored_parts())

    def stored_parts(self) -> Iterator[NDArray[Any]]:
        """Yield the file's own numbers (h, W, C), some rows at a time."""
        rows = max(BLOCK // self.shape[1], 1)
        for top in range(0, self.shape[0], rows):
            yield self.tiff.window(top, min(top + rows, self.shape[0]), 0, self.shape[1])

    def whole(self) -> NDArray[Any]:
        """Read all pixels. Raises ValueError if there are too many."""
        return self.change(self.tiff.whole())


class Reducible:
    """An image (H, W, C) that can be read at a part of its size; `read` is told which height and width are enough."""

    def __init__(self, shape: tuple[int, ...], read: Callable[[tuple[int, int] | None], NDArray[Any]]) -> None:
        self.shape = shape
        self.read = read

    def whole(self) -> NDArray[Any]:
        """Read all pixels."""
        return self.read(None)
