"""What an export holds, whatever its format: labelled pictures and the names of classes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastfcn.data.dataset import IGNORE, UInt8
from fastfcn.data.palette import Colour


@dataclass(frozen=True)
class Legend:
    """Classes in the order of indices. `values` maps a source's labels to them or IGNORE, `unlabelled` all the rest."""

    classes: tuple[str, ...]
    palette: tuple[Colour, ...]
    values: Mapping[str, int]
    unlabelled: int = IGNORE

    def value(self, label: str | None) -> int:
        """Return the index of a label; what has none is of no class. Raises ValueError if it is not known."""
        if label is None:
            return IGNORE
        if label not in self.values:
            raise ValueError(
                f"label {label!r} is none of the classes {', '.join(self.classes)}: add it to classes=, or leave it "
                f"out with 'remap={{{label}: null}}'"
            )
        return self.values[label]


class Annotation(ABC):
    """The labels of one picture; sent to another process."""

    @abstractmethod
    def size(self) -> tuple[int, int] | None:
        """Return the height and width that the annotation is of; None if it does not tell."""

    @abstractmethod
    def mask(self, height: int, width: int, legend: Legend, told: list[str]) -> UInt8:
        """Make the mask (H, W), and tell what is odd. Raises ValueError with the place in the source."""

    @abstractmethod
    def where(self) -> str:
        """Return the file that it is in."""

    def version(self) -> str:
        """Return what changes whenever the mask would."""
        return repr(self)


@dataclass(frozen=True)
class Picture:
    """An image, `embedded` as base64 in the JSON at its path or a file of its own, with its labels.

    `name` is its path below the source and gives the output's name; `split` is None where the source names none.
    """

    image: Path
    name: str
    annotation: Annotation
    split: str | None = None
    embedded: bool = False

    @property
    def source(self) -> str:
        """Return what messages call it."""
        return f"{self.image} (imageData)" if self.embedded else str(self.image)


@dataclass
class Contents:
    """All that was read. `found` holds every label with its place in the source, in the order of classes.

    `chosen` is the list of classes that the user gave, `background` the class of pixels without a label, if any.
    A fault costs its picture.
    """

    pictures: list[Picture] = field(default_factory=list)
    found: dict[str, str] = field(default_factory=dict)
    chosen: tuple[str, ...] | None = None
    background: str | None = None
    colours: dict[str, Colour] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def telling(self, place: str = "") -> Iterator[None]:
        """Turn what is wrong into a fault at that place, unless it says its own."""
        try:
            yield
        except ValueError as error:
            self.faults.append(f"{place}: {error}" if place else str(error))


class Reader(ABC):
    """What one format is read by."""

    @abstractmethod
    def read(self, source: Path, *, without: Path) -> Contents:
        """Read an export, a folder or a file, but for what lies in `without`.

        Faults of single pictures are collected; raises ValueError if there is nothing to go on with.
        """
