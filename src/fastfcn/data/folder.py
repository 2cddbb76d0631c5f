"""`folder`: your own images and index masks, `images/SPLIT/NAME.*` beside `masks/SPLIT/NAME.png`."""

from collections.abc import Sequence
from pathlib import Path

from fastfcn.data.dataset import IGNORE
from fastfcn.data.files import FileData, Pair
from fastfcn.data.images import list_images
from fastfcn.data.labels import Labels, identity
from fastfcn.data.palette import Colour, voc_palette
from fastfcn.options import MaskValue, Name

MAX_CLASSES = 255  # masks are 8-bit and one value is IGNORE


class Folder(FileData):
    """A dataset in `root`. Class names are `classes`, or the lines of `root`/classes.txt.

    Masks hold indices into them; `ignore_index` marks pixels of no class, beside 255. Colours are PASCAL VOC's
    unless `palette` gives them.
    """

    def __init__(
        self,
        *,
        root: Name,
        classes: Sequence[Name] | None = None,
        palette: Sequence[Colour] | None = None,
        ignore_index: MaskValue = IGNORE,
        name: Name = "folder",
        train_split: Name = "train",
        val_split: Name = "val",
        test_split: Name = "test",
    ) -> None:
        self._root = Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(f"data.root={root} is no folder; give the one that holds images/ and masks/")
        self.name = name
        self.classes = tuple(classes) if classes else read_classes(self.root / "classes.txt")
        if not 1 < len(self.classes) <= MAX_CLASSES:
            raise ValueError(f"data={name} needs 2 to {MAX_CLASSES} classes, got {len(self.classes)}")
        self.palette = _colours(palette, len(self.classes))
        self.ignore_index = ignore_index
        self.labels = Labels(identity(len(self.classes), ignored=ignore_index))
        self.train_split, self.val_split, self.test_split = train_split, val_split, test_split

    @property
    def root(self) -> Path:
        """The folder that holds images/ and masks/."""
        return self._root

    def checked_splits(self) -> dict[str, int | None]:
        """Name the folders in images/, or where there are none, the splits to train with."""
        return dict.fromkeys(self._found() or [self.train_split, self.val_split])

    def pairs(self, name: str) -> list[Pair]:
        """List images/`name` and its masks, which have the same names in masks/`name`."""
        images_folder, masks_folder = self.root / "images" / name, self.root / "masks" / name
        for folder in (images_folder, masks_folder):
            if not folder.is_dir():
                raise FileNotFoundError(f"split {name!r} has no folder {folder}; {self._splits()}")
        images = list_images(images_folder)
        if not images:
            raise FileNotFoundError(f"split {name!r} has no images in {images_folder}; {self._splits()}")
        masks = {path.stem: path for path in list_images(masks_folder)}
        return [Pair(path, masks.get(path.stem, masks_folder / f"{path.stem}.png")) for path in images]

    def allowed(self) -> str:
        """Name the classes' indices and the ignored value."""
        count = len(self.classes)
        return (
            f"but there are {count} classes (0 to {count - 1}) and {self.ignore_index} is ignored; "
            "mend it or set data.ignore_index="
        )

    def _found(self) -> list[str]:
        folder = self.root / "images"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def _splits(self) -> str:
        found = ", ".join(self._found())
        return f"splits found: {found or 'none'} (set data.train_split=, data.val_split= or split=)"


def read_classes(path: Path) -> tuple[str, ...]:
    """Read one class name a line. Raises FileNotFoundError if there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"no class names: write one a line into {path}, or give data.classes=[road,sky,...]")
    return tuple(line.strip() for line in path.read_text().splitlines() if line.strip())


def _colours(palette: Sequence[Colour] | None, count: int) -> tuple[Colour, ...]:
    if palette is None:
        return voc_palette(count)
    if len(palette) != count:
        raise ValueError(f"data.palette has {len(palette)} colours for {count} classes")
    return tuple((int(red), int(green), int(blue)) for red, green, blue in palette)
