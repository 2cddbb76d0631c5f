"""Published datasets: what is downloaded, what it becomes, and how many images there must be."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from fastfcn.data.dataset import Split
from fastfcn.data.listing import Names
from fastfcn.data.pairs import FileData, Pair
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.remapping import Remap
from fastfcn.data.text import read_lines, require_plain_name
from fastfcn.files import write_atomically
from fastfcn.installation import how_to_call
from fastfcn.options import Name


class PublicData(FileData):
    """A dataset that others published, in `root` as its archives unpack; names and colours are known without it.

    `remap` gives classes other names: {car: vehicle, bus: vehicle} merges them, {sky: null} has them ignored.
    """

    name: str
    archives: ClassVar[Sequence[Archive]]
    sizes: ClassVar[Mapping[str, int | None]]  # images of each split, where published
    terms: ClassVar[str]  # of use, in one line
    disjoint_split: ClassVar[str] = "train"  # shares no image with the validation split
    upright = False  # masks were drawn on the pixels as they are stored

    def __init__(
        self,
        *,
        root: Name | None = None,
        train_split: Name = "train",
        val_split: Name = "val",
        test_split: Name = "val",
        remap: Remap | None = None,
    ) -> None:
        self._root = root
        self.train_split, self.val_split, self.test_split = train_split, val_split, test_split
        self.rename(remap)

    @property
    def root(self) -> Path:
        """The folder that the archives were unpacked into. Raises ValueError if none was given."""
        if self._root is None:
            raise ValueError(
                f"data.root must be given: the folder that {how_to_call('prepare_data')} data={self.name} "
                "data.root=PATH fills"
            )
        return Path(self._root)

    @abstractmethod
    def splits(self) -> tuple[str, ...]:
        """Name the splits that can be opened."""

    def checked_splits(self) -> dict[str, int | None]:
        """Return the published sizes."""
        return dict(self.sizes)

    def needed(self) -> Sequence[Archive]:
        """Return the archives to get, all of them unless the data is there in another published form."""
        return self.archives

    def convert(self, workers: int) -> None:
        """Make of the unpacked files what cannot be read as it is, in so many processes. By default nothing."""

    def allowed(self) -> str:
        """Name the values that masks may hold."""
        *values, last = sorted(self.labels.classes)
        known = f"0 to {last}" if last == len(values) else f"0 to {values[-1]} and {last}"
        return f"but data={self.name} has {known}; remove it and run {self.command()}"

    def remedy(self) -> str:
        """Name the command that gets the files."""
        return f"prepare it: {self.command()}"

    def command(self) -> str:
        """Return the command that prepares this dataset."""
        return f"{how_to_call('prepare_data')} data={self.name} data.root={self.root}"

    def require_split(self, name: str) -> None:
        """Raise ValueError if there is no split of that name."""
        if name not in self.splits():
            raise ValueError(f"data={self.name} has no split {name!r}; choose one of {', '.join(self.splits())}")

    def require(self, path: Path) -> Path:
        """Return a file or folder that the dataset cannot do without. Raises FileNotFoundError if it is not there."""
        if not path.exists():
            raise FileNotFoundError(f"data={self.name} lacks {path}; {self.remedy()}")
        return path

    def split(self, name: str) -> Split:
        """Open a split, unless the archives were not unpacked to the end."""
        for archive in self.archives:
            if archive.unpacking(self.root).exists():
                raise FileNotFoundError(f"{archive.name} was not unpacked to the end; {self.remedy()}")
        return super().split(name)

    def warnings(self) -> list[str]:
        """Tell of training images that validation uses too, and of splits that are not whole."""
        train, val = self.pairs(self.train_split), self.pairs(self.val_split)
        told = [
            f"split {name} has {len(pairs)} images, {self.sizes[name]} were published; {self.remedy()}"
            for name, pairs in {self.train_split: train, self.val_split: val}.items()
            if self.sizes.get(name) not in (None, len(pairs))
        ]
        shared = {pair.image.stem for pair in train} & {pair.image.stem for pair in val}
        if shared:
            told.append(
                f"{len(shared)} of {len(train)} images of {self.train_split} are also in {self.val_split}: its score "
                f"is that of images seen while training; data.train_split={self.disjoint_split} has none of them"
            )
        return told


def read_list(path: Path) -> list[str]:
    """Read one name a line. Raises ValueError if one could be a path."""
    return [require_plain_name(line.split()[0], path) for line in read_lines(path) if line]


def pairs_of(names: Iterable[str], images: Path, masks: Path) -> list[Pair]:
    """Pair the JPEGs and PNGs of those names in two folders."""
    images_there, masks_there = Names(images), Names(masks)
    return [Pair(images_there.find(f"{name}.jpg"), masks_there.find(f"{name}.png")) for name in names]


def write_list(path: Path, names: Sequence[str]) -> None:
    """Write one name a line, whole or not at all."""
    write_atomically(path, "".join(f"{name}\n" for name in names).encode())
