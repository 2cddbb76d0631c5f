"""Datasets that are pairs of image and mask files."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fastfcn.data.bands import Bands
from fastfcn.data.dataset import Example, LargeExample, Pixels, SegmentationData, Split, UInt8
from fastfcn.data.images import SAVE_AS, UPRIGHT, orientation, read_indices
from fastfcn.data.labels import Labels
from fastfcn.data.listing import repeated, shortened
from fastfcn.data.measuring import Measured, measure
from fastfcn.data.remapping import remapped
from fastfcn.data.tiff import Tiff, is_tiff
from fastfcn.data.windowed import LARGE, Windowed
from fastfcn.installation import how_to_call

VALUES_SHOWN = 10  # of a mask that may not be there; the rest are counted


@dataclass(frozen=True)
class Pair:
    """An image and its mask; None where no mask is published."""

    image: Path
    mask: Path | None


class FileData(SegmentationData):
    """A dataset of files. `labels` says what its masks hold; `upright` turns images as their EXIF orientation says.

    `bands` says what is read of an image file.
    """

    labels: Labels
    upright: bool = True
    bands: Bands = Bands()

    def visible(self, image: Pixels) -> UInt8:
        """Return an image (H, W, C) as 8-bit RGB (H, W, 3), for pictures."""
        return self.bands.visible(image)

    def settle(self) -> Measured:
        """Measure the channels of the training images, and read images by that from now on."""
        paths = [pair.image for pair in self.pairs(self.train_split)]
        measured = measure(paths, self.bands, upright=self.upright)
        self.bands = measured.bands
        return measured

    def rename(self, remap: Mapping[str, str | None] | None) -> None:
        """Give classes other names, which merges or drops them. Raises ValueError for a name that is no class."""
        if remap:
            new = remapped(self.classes, self.palette, remap)
            self.classes, self.palette = new.classes, new.palette
            table = new.table()
            self.labels = Labels({value: int(table[index]) for value, index in self.labels.classes.items()})

    @property
    @abstractmethod
    def root(self) -> Path:
        """The folder of the files. Raises ValueError if none was given."""

    @abstractmethod
    def checked_splits(self) -> dict[str, int | None]:
        """Name splits that together hold every file, with their published sizes where there are such."""

    @abstractmethod
    def pairs(self, name: str) -> list[Pair]:
        """List a split, be its files there or not. Raises ValueError or FileNotFoundError if it cannot be listed."""

    @abstractmethod
    def allowed(self) -> str:
        """Say what values masks may hold, and what to do about others."""

    def notes(self, name: str) -> list[str]:
        """Tell what else lies in the folders of a split, a line each."""
        return []

    def remedy(self) -> str:
        """Say what to do about missing files."""
        return "put it there, or take its image away"

    def split(self, name: str) -> Split:
        """Open a split, every image and mask of which must be there."""
        pairs = self.pairs(name)
        if any(pair.mask is None for pair in pairs):
            raise ValueError(
                f"split {name!r} of data={self.name} has no published masks, so it cannot be scored; predict it: "
                f"{how_to_call('predict')} checkpoint=PATH images={pairs[0].image.parent} output=DIR "
                "(and submission= for its server)"
            )
        for image, other in repeated(pair.image for pair in pairs):
            raise ValueError(f"{image} and {other.name} would have one mask; rename one, and its mask")
        for kind in ("image", "mask"):
            absent = missing(getattr(pair, kind) for pair in pairs)
            if absent:
                raise FileNotFoundError(f"{describe_missing(kind, absent)}; {self.remedy()}")
        return PairSplit(pairs, self)


class PairSplit(Split):
    """The pairs of one split."""

    def __init__(self, pairs: Sequence[Pair], data: FileData) -> None:
        self.pairs = pairs
        self.labels = data.labels
        self.upright = data.upright
        self.bands = data.bands
        self.allowed = data.allowed()

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> Example:
        """Read a pair. Raises ValueError naming the file if image and mask do not fit, or a value is no class."""
        pair = self.pairs[index]
        image, mask = self.bands.read(pair.image, upright=self.upright), self.mask(index)
        self._require_fit(pair, mask.shape, image.shape)
        return Example(image, mask, pair.image.stem)

    def open(self, index: int, *, reduced: bool = False) -> Example | LargeExample:
        """Read a pair, or open it where its image is a TIFF of more than LARGE pixels, or if `reduced` a JPEG.

        Raises ValueError as above.
        """
        pair = self.pairs[index]
        image = self.bands.windowed(pair.image) or (
            self.bands.reducible(pair.image, upright=self.upright) if reduced else None
        )
        if image is None:
            return self[index]
        mask = self._windowed_mask(pair) or self.mask(index)
        self._require_fit(pair, mask.shape, image.shape)
        return LargeExample(image, mask, pair.image.stem)

    def mask(self, index: int) -> UInt8:
        """Read a mask. Raises ValueError naming the file if a value is no class."""
        pair = self.pairs[index]
        assert pair.mask is not None
        return self._labelled(pair, read_indices(pair.mask))

    def mask_parts(self, index: int) -> Iterator[UInt8]:
        """Yield a mask, some rows at a time if it is a TIFF of more than LARGE pixels."""
        mask = self._windowed_mask(self.pairs[index])
        yield from [self.mask(index)] if mask is None else mask.parts()

    def _windowed_mask(self, pair: Pair) -> Windowed | None:
        assert pair.mask is not None
        return windowed_mask(pair.mask, lambda values: self._labelled(pair, values))

    def _labelled(self, pair: Pair, values: NDArray[Any]) -> UInt8:
        unknown = self.labels.unknown(values)
        if unknown:
            raise ValueError(label_fault(pair, unknown, self.allowed))
        return self.labels.apply(values)

    def _require_fit(self, pair: Pair, mask: Sequence[int], image: Sequence[int]) -> None:
        if tuple(mask) != tuple(image[:2]):
            raise ValueError(size_fault(pair, mask, image, upright=self.upright))

    def files(self, index: int) -> tuple[Path, ...]:
        """Return image and mask."""
        pair = self.pairs[index]
        return (pair.image,) if pair.mask is None else (pair.image, pair.mask)


def windowed_mask(path: Path, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Windowed | None:
    """Open a mask that is a TIFF of more than LARGE pixels; None for others. `change` is done to its values (h, w)."""
    if not is_tiff(path) or (tiff := Tiff(path)).pixels <= LARGE:
        return None
    if tiff.shape[2] != 1 or tiff.dtype.kind not in "ui":
        raise ValueError(f"mask {path} has {tiff.shape[2]} channels of {tiff.dtype}, not class indices; {SAVE_AS}")
    return Windowed(tiff, lambda values: change(values[..., 0]), None)


def open_values(path: Path) -> tuple[tuple[int, ...], Iterator[NDArray[Any]]]:
    """Return the size (H, W) of a mask file and its values, some rows (h, W) at a time where it is large."""
    windowed = windowed_mask(path, lambda values: values)
    if windowed is not None:
        return windowed.shape, windowed.parts()
    values = read_indices(path)
    return values.shape, iter([values])


def size_fault(pair: Pair, mask: Sequence[int], image: Sequence[int], *, upright: bool) -> str:
    """Say that a mask's shape (H, W) is not its image's, and whether that is for EXIF's orientation."""
    sizes = f"mask {pair.mask} is {mask[1]}x{mask[0]} but its image {pair.image.name} is {image[1]}x{image[0]}"
    turn = orientation(pair.image)
    if turn == UPRIGHT or tuple(mask) != (image[1], image[0]):
        return sizes
    if upright:
        return (
            f"{sizes}, turned as its EXIF orientation {turn} says; if masks were drawn on the pixels as "
            "they are stored, give data.upright=false"
        )
    return f"{sizes}, not turned as its EXIF orientation {turn} says; data.upright=true would turn it"


def label_fault(pair: Pair, unknown: Sequence[int], allowed: str) -> str:
    """Say that a mask holds values that it may not; `allowed` is the dataset's word on what it may."""
    values = f"value{'s' if len(unknown) > 1 else ''} {shortened(unknown, VALUES_SHOWN)}"
    return f"mask {pair.mask} holds the {values}, {allowed}"


def describe_missing(kind: str, absent: Sequence[Path]) -> str:
    """Name the first missing files and count the others."""
    return f"no {kind} {shortened([path.name for path in absent])}: expected {absent[0]}"


def missing(paths: Iterable[Path]) -> list[Path]:
    """Return the paths at which there is no file; each folder is listed once."""
    listed: dict[Path, set[str]] = {}
    absent = []
    for path in paths:
        folder = path.parent
        if folder not in listed:
            listed[folder] = {each.name for each in folder.iterdir()} if folder.is_dir() else set()
        if path.name not in listed[folder]:
            absent.append(path)
    return absent
