"""Datasets that are pairs of image and mask files."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastfcn.data.dataset import Example, SegmentationData, Split
from fastfcn.data.images import read_image, read_indices
from fastfcn.data.labels import Labels

SHOWN = 3  # files named in an error; the rest are counted


@dataclass(frozen=True)
class Pair:
    """An image and its mask; None where no mask is published."""

    image: Path
    mask: Path | None


class FileData(SegmentationData):
    """A dataset of files. `labels` says what its masks hold; `upright` turns images as their EXIF orientation says."""

    labels: Labels
    upright: bool = True

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

    def remedy(self) -> str:
        """Say what to do about missing files."""
        return "put it there, or take its image away"

    def split(self, name: str) -> Split:
        """Open a split, every image and mask of which must be there."""
        pairs = self.pairs(name)
        if any(pair.mask is None for pair in pairs):
            raise ValueError(
                f"split {name!r} of data={self.name} has no published masks, so it cannot be scored; predict it: "
                f"python src/predict.py checkpoint=PATH images={pairs[0].image.parent} output=DIR "
                "(and submission= for its server)"
            )
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
        self.allowed = data.allowed()

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> Example:
        """Read a pair. Raises ValueError naming the file if image and mask do not fit, or a value is no class."""
        pair = self.pairs[index]
        assert pair.mask is not None
        image, values = read_image(pair.image, upright=self.upright), read_indices(pair.mask)
        if values.shape != image.shape[:2]:
            raise ValueError(size_fault(pair, values.shape, image.shape))
        unknown = self.labels.unknown(values)
        if unknown:
            raise ValueError(label_fault(pair, unknown, self.allowed))
        return Example(image, self.labels.apply(values), pair.image.stem)

    def files(self, index: int) -> tuple[Path, ...]:
        """Return image and mask."""
        pair = self.pairs[index]
        return (pair.image,) if pair.mask is None else (pair.image, pair.mask)


def size_fault(pair: Pair, mask: Sequence[int], image: Sequence[int]) -> str:
    """Say that a mask's shape (H, W) is not its image's."""
    return f"mask {pair.mask} is {mask[1]}x{mask[0]} but its image {pair.image.name} is {image[1]}x{image[0]}"


def label_fault(pair: Pair, unknown: Sequence[int], allowed: str) -> str:
    """Say that a mask holds values that it may not; `allowed` is the dataset's word on what it may."""
    values = f"value{'s' if len(unknown) > 1 else ''} {', '.join(map(str, unknown))}"
    return f"mask {pair.mask} holds the {values}, {allowed}"


def describe_missing(kind: str, absent: Sequence[Path]) -> str:
    """Name the first missing files and count the others."""
    more = f" and {len(absent) - SHOWN} more" if len(absent) > SHOWN else ""
    return f"no {kind} {', '.join(path.name for path in absent[:SHOWN])}{more}: expected {absent[0]}"


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
