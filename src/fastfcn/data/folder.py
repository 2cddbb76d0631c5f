"""`folder`: your own images and index masks, `images/SPLIT/NAME.*` beside `masks/SPLIT/NAME.png`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastfcn.data.bands import BandCount, Bands, Range, Shown
from fastfcn.data.classes import labelme_note, read_classes
from fastfcn.data.dataset import IGNORE
from fastfcn.data.folds import TRAIN, VAL, pick, read_fold
from fastfcn.data.images import list_images, read_indices
from fastfcn.data.labels import Labels, identity, listed
from fastfcn.data.listing import describe_left_out, repeated, shortened
from fastfcn.data.pairs import FileData, Pair
from fastfcn.data.palette import Colour, read_palette, voc_palette
from fastfcn.data.remapping import Remap
from fastfcn.data.text import same_form
from fastfcn.options import Count, MaskValue, Name

PALETTE = "palette.txt"  # beside classes.txt, if there: a line is RED GREEN BLUE NAME
MAX_CLASSES = 255  # masks are 8-bit and one value is IGNORE


class Folder(FileData):
    """A dataset in `root`. Class names are `classes`, or the lines of `root`/classes.txt.

    Masks hold indices into them, or else `values`, one a class in their order; `ignore_index` marks pixels of no class,
    beside 255. Colours are PASCAL VOC's unless `palette` or `root`/palette.txt gives them. Images are turned `upright`
    as their EXIF orientation says; masks never are. With `channels` they are read as they are stored, `range` and
    `shown` as `Bands` has them. `remap` merges classes and drops them. With `fold` the training and
    validation split are those that prepare_data.py folds=N wrote.
    """

    def __init__(
        self,
        *,
        root: Name,
        classes: Sequence[Name] | None = None,
        palette: Sequence[Colour] | None = None,
        values: Sequence[MaskValue] | None = None,
        ignore_index: MaskValue = IGNORE,
        upright: bool = True,
        channels: BandCount | None = None,
        range: Range | None = None,  # noqa: A002  # the option's name
        shown: Shown | None = None,
        name: Name = "folder",
        train_split: Name = "train",
        val_split: Name = "val",
        test_split: Name = "test",
        remap: Remap | None = None,
        fold: Count | None = None,
    ) -> None:
        self._root = Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(f"data.root={root} is no folder; give the one that holds images/ and masks/")
        self.name = name
        self._names = None if classes else self.root / "classes.txt"
        self.classes = tuple(classes) if classes else read_classes(self.root / "classes.txt")
        count = len(self.classes)
        if not 1 < count <= MAX_CLASSES:
            raise ValueError(f"data={name} needs 2 to {MAX_CLASSES} classes, got {count}")
        self.palette = _colours(palette, self.classes, self.root / PALETTE)
        self.ignore_index = ignore_index
        self.labels = Labels(
            identity(count, ignored=ignore_index) if values is None else _listed(values, count, ignore_index)
        )
        self.upright = upright
        self.bands = Bands.of(channels, range, shown)
        self.channels, self.dtype = self.bands.channels, self.bands.dtype
        self.train_split, self.val_split, self.test_split = train_split, val_split, test_split
        self.fold = fold
        self.rename(remap)

    @property
    def root(self) -> Path:
        """The folder that holds images/ and masks/."""
        return self._root

    def checked_splits(self) -> dict[str, int | None]:
        """Name the folders in images/, or where there are none, the splits to train with."""
        return dict.fromkeys(self._found() or [self.train_split, self.val_split])

    def pairs(self, name: str) -> list[Pair]:
        """List images/`name` and its masks, which have the same names in masks/`name`; or what a fold takes for it."""
        if self.fold is not None and name in (self.train_split, self.val_split):
            part = TRAIN if name == self.train_split else VAL
            return pick(read_fold(self.root, self.fold, part), self._pairs)
        return self._pairs(name)

    def _pairs(self, name: str) -> list[Pair]:
        images_folder, masks_folder = self._folders(name)
        images = list_images(images_folder)
        if not images:
            left_out = describe_left_out(images_folder)
            raise FileNotFoundError(f"split {name!r} has no images in {images_folder}; {left_out or self._splits()}")
        masks = list_images(masks_folder)
        for mask, other in repeated(masks):
            raise ValueError(f"{mask} and {other.name} would both be the mask of one image; take one away")
        by_name = {same_form(path.stem): path for path in masks}
        return [Pair(path, by_name.get(same_form(path.stem), masks_folder / f"{path.stem}.png")) for path in images]

    def notes(self, name: str) -> list[str]:
        """Tell of files that are not read: what is no image, and masks without an image."""
        folders = self._folders(name)
        told = [left_out for folder in folders if (left_out := describe_left_out(folder)) is not None]
        images, masks = map(list_images, folders)
        used = {same_form(path.stem) for path in images}
        spare = [path.name for path in masks if same_form(path.stem) not in used]
        return [*told, *([f"masks in {folders[1]} without an image: {shortened(spare)}"] if spare else [])]

    def warnings(self) -> list[str]:
        """Tell of a classes.txt that is labelme's, and of files that are not read."""
        told = [labelme_note(self._names) if self._names is not None else None]
        return [
            *filter(None, told),
            *(note for name in (self.train_split, self.val_split) for note in self.notes(name)),
        ]

    def allowed(self) -> str:
        """Name the values of classes and the ignored one."""
        values = [value for value, index in self.labels.classes.items() if index != IGNORE]
        count = len(self.classes)
        known = f"0 to {count - 1}" if values == list(range(count)) else shortened(values, 10)
        return (
            f"but there are {count} classes ({known}) and {self.ignore_index} is ignored; "
            "mend it or set data.ignore_index= or data.values="
        )

    def relabelling(self, name: str) -> str:
        """Say what values the masks of a split hold, and how to tell which class each is."""
        values = sorted({int(value) for pair in self.pairs(name) for value in np.unique(read_indices(_mask(pair)))})
        option = ",".join(map(str, values)) if len(values) == len(self.classes) else "..."
        return (
            f"they hold the values {shortened(values, 10)}: mend them, or name the value of every class, in the order "
            f"{shortened(self.classes)}, with data.values=[{option}]"
        )

    def _folders(self, name: str) -> tuple[Path, Path]:
        folders = (self.root / "images" / name, self.root / "masks" / name)
        for folder in folders:
            if not folder.is_dir():
                raise FileNotFoundError(f"split {name!r} has no folder {folder}; {self._splits()}")
        return folders

    def _found(self) -> list[str]:
        folder = self.root / "images"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def _splits(self) -> str:
        found = ", ".join(self._found())
        return f"splits found: {found or 'none'} (set data.train_split=, data.val_split= or split=)"


def _mask(pair: Pair) -> Path:
    assert pair.mask is not None
    return pair.mask


def _listed(values: Sequence[int], count: int, ignored: int) -> dict[int, int]:
    if len(values) != count or len(set(values)) != count:
        raise ValueError(f"data.values must hold {count} different values, one a class, got {list(values)}")
    if ignored != IGNORE and ignored in values:
        raise ValueError(f"data.ignore_index={ignored} is the value of a class in data.values={list(values)}")
    return listed(values, ignored=ignored)


def _colours(palette: Sequence[Colour] | None, classes: Sequence[str], path: Path) -> tuple[Colour, ...]:
    """Return the colours given, or those of a file that has the classes' names, or PASCAL VOC's."""
    if palette is None:
        names, colours = read_palette(path) if path.is_file() else ((), ())
        return colours if tuple(names) == tuple(classes) else voc_palette(len(classes))
    if len(palette) != len(classes):
        raise ValueError(f"data.palette has {len(palette)} colours for {len(classes)} classes")
    return tuple((red, green, blue) for red, green, blue in palette)
