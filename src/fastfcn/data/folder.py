"""`folder`: your own images and index masks, `images/SPLIT/NAME.*` beside `masks/SPLIT/NAME.png`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastfcn.data.dataset import IGNORE, Example, SegmentationData, Split
from fastfcn.data.images import list_images, read_image, read_indices
from fastfcn.data.palette import Colour, voc_palette

MAX_CLASSES = 255  # masks are 8-bit and one value is IGNORE


class Folder(SegmentationData):
    """A dataset in `root`. Class names are `classes`, or the lines of `root`/classes.txt.

    Masks hold indices into them; `ignore_index` marks pixels of no class, beside 255. Colours are PASCAL VOC's
    unless `palette` gives them.
    """

    def __init__(
        self,
        *,
        root: str,
        classes: Sequence[str] | None = None,
        palette: Sequence[Sequence[int]] | None = None,
        ignore_index: int = IGNORE,
        name: str = "folder",
        train_split: str = "train",
        val_split: str = "val",
        test_split: str = "test",
    ) -> None:
        self.root = Path(root)
        if not self.root.is_dir():
            raise FileNotFoundError(f"data.root={root} is no folder; give the one that holds images/ and masks/")
        self.name = name
        self.classes = tuple(classes) if classes else read_classes(self.root / "classes.txt")
        if not 1 < len(self.classes) <= MAX_CLASSES:
            raise ValueError(f"data={name} needs 2 to {MAX_CLASSES} classes, got {len(self.classes)}")
        self.palette = _colours(palette, len(self.classes))
        self.ignore_index = ignore_index
        self.train_split, self.val_split, self.test_split = train_split, val_split, test_split

    def split(self, name: str) -> Split:
        """Open images/`name` and masks/`name`; every image must have a mask."""
        images_folder, masks_folder = self.root / "images" / name, self.root / "masks" / name
        for folder in (images_folder, masks_folder):
            if not folder.is_dir():
                raise FileNotFoundError(f"split {name!r} has no folder {folder}; {self._splits()}")
        images = list_images(images_folder)
        if not images:
            raise FileNotFoundError(f"split {name!r} has no images in {images_folder}; {self._splits()}")
        masks = {path.stem: path for path in list_images(masks_folder)}
        bare = [path.name for path in images if path.stem not in masks]
        if bare:
            more = f" and {len(bare) - 3} more" if len(bare) > 3 else ""
            raise FileNotFoundError(
                f"no mask for {', '.join(bare[:3])}{more}: expected {masks_folder / Path(bare[0]).stem}.png"
            )
        return FolderSplit(
            [(path, masks[path.stem]) for path in images], num_classes=len(self.classes), ignore_index=self.ignore_index
        )

    def _splits(self) -> str:
        folder = self.root / "images"
        found = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
        return f"splits found: {', '.join(found) or 'none'} (set data.train_split=, data.val_split= or split=)"


class FolderSplit(Split):
    """Pairs of image and mask files."""

    def __init__(self, pairs: list[tuple[Path, Path]], *, num_classes: int, ignore_index: int) -> None:
        self.pairs = pairs
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.pairs)

    def __getitem__(self, index: int) -> Example:
        """Read a pair. Raises ValueError naming the file if image and mask do not fit, or a value is no class."""
        image_path, mask_path = self.pairs[index]
        image, indices = read_image(image_path), read_indices(mask_path)
        if indices.shape != image.shape[:2]:
            sizes = [f"{array.shape[1]}x{array.shape[0]}" for array in (indices, image)]
            raise ValueError(f"mask {mask_path} is {sizes[0]} but its image {image_path.name} is {sizes[1]}")
        ignored = (indices == self.ignore_index) | (indices == IGNORE)
        unknown = indices[((indices < 0) | (indices >= self.num_classes)) & ~ignored]
        if len(unknown):
            raise ValueError(
                f"mask {mask_path} holds the value {int(unknown[0])}, but there are {self.num_classes} classes "
                f"(0 to {self.num_classes - 1}) and {self.ignore_index} is ignored; mend it or set data.ignore_index="
            )
        return Example(image, np.where(ignored, IGNORE, indices).astype(np.uint8), image_path.stem)


def read_classes(path: Path) -> tuple[str, ...]:
    """Read one class name a line. Raises FileNotFoundError if there is no such file."""
    if not path.is_file():
        raise FileNotFoundError(f"no class names: write one a line into {path}, or give data.classes=[road,sky,...]")
    return tuple(line.strip() for line in path.read_text().splitlines() if line.strip())


def _colours(palette: Sequence[Sequence[int]] | None, count: int) -> tuple[Colour, ...]:
    if palette is None:
        return voc_palette(count)
    if len(palette) != count:
        raise ValueError(f"data.palette has {len(palette)} colours for {count} classes")
    if not all(len(colour) == 3 and 0 <= min(colour) <= max(colour) <= 255 for colour in palette):
        raise ValueError("data.palette must hold three values from 0 to 255 for every class")
    return tuple((int(red), int(green), int(blue)) for red, green, blue in palette)
