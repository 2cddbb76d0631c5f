"""Masks beside images: of indices, colours, or 0 and 255; in one tree or parallel ones."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from fastfcn.data.cityscapes import CLASSES as CITYSCAPES_CLASSES
from fastfcn.data.classes import read_classes
from fastfcn.data.converting.colours import FILES, MOST_COLOURS, colours_of
from fastfcn.data.converting.contents import Annotation, Contents, Picture, Reader
from fastfcn.data.converting.mask_files import ColourMask, IndexMask
from fastfcn.data.converting.mask_values import (
    CITYSCAPES,
    Values,
    cityscapes_mask,
    distinct_values,
    how_to_name,
    is_binary,
    require_one_palette,
    values_of_list,
    values_of_map,
)
from fastfcn.data.converting.pairing import Pairs, by_name, by_pattern, is_labels, is_neither
from fastfcn.data.converting.tree import Tree
from fastfcn.data.listing import shortened
from fastfcn.data.palette import Colour
from fastfcn.options import Byte, MaskValue, Name, within

LISTS = ("classes.txt", "labels.txt")  # of class names, looked for in a source
NAMES_OF_BINARY = ("background", "foreground")

Make = Callable[[Path], Annotation]


class Masks(Reader):
    """Pairs the images of a tree with their masks, by their names or by `images` and `masks`, patterns with * and **.

    Masks are of colours if there is a `palette`: {NAME: [RED, GREEN, BLUE]}, a file, or voc, camvid, cityscapes or
    ade20k. Else they are of values, which `classes` names: {VALUE: NAME}, with null for none, or a list from
    `labels_from` on, a file of such, or cityscapes. Values from `instances` on are divided by it. Unknown ones are
    faults unless `ignored`.
    """

    def __init__(
        self,
        *,
        images: Name | None = None,
        masks: Name | None = None,
        classes: dict[MaskValue, Name | None] | list[Name] | Name | None = None,
        labels_from: MaskValue = 0,
        instances: Annotated[int, within(2)] | None = None,
        palette: dict[str, Colour] | Name | None = None,
        tolerance: Byte = 0,
        unknown: Literal["fault", "ignored"] = "fault",
    ) -> None:
        if (images is None) != (masks is None):
            raise ValueError("images= and masks= belong together: give both patterns, or none")
        if palette is not None and isinstance(classes, dict):
            raise ValueError("palette= names colours and classes={VALUE: NAME} values; leave one out")
        self.images, self.masks = images, masks
        self.classes, self.labels_from, self.instances = classes, labels_from, instances
        self.palette, self.tolerance, self.lenient = palette, tolerance, unknown == "ignored"

    def read(self, source: Path, *, without: Path) -> Contents:
        """Pair the files, and find out what the masks hold."""
        if not source.is_dir():
            raise ValueError(f"source={source} is no folder; give the one that holds images and masks")
        tree, contents = Tree(source, without=without), Contents()
        pairs = self._pairs(tree)
        contents.faults.extend(_unpaired(tree, pairs, contents))
        masks = {image: found[0] for image, found in pairs.masks.items() if len(found) == 1}
        make = self._maker(sorted(set(masks.values())), source, contents)
        for image, mask in masks.items():
            contents.pictures.append(Picture(image, tree.name_of(image), make(mask), tree.split_of(image)))
        return contents

    def _pairs(self, tree: Tree) -> Pairs:
        if self.images is not None and self.masks is not None:
            return by_pattern(tree, self.images, self.masks)
        pictures = [path for path in tree.images if not is_neither(tree.name_of(path))]
        masks = [path for path in pictures if is_labels(tree.name_of(path))]
        images = sorted(set(pictures) - set(masks))
        if not images or not masks:
            raise ValueError(
                f"{tree.root} has {len(images)} images and {len(masks)} masks, by the names of files and folders; say "
                "which are which, such as images='photos/*.jpg' masks='painted/*.png'"
            )
        return by_name(tree, images, masks)

    def _maker(self, masks: Sequence[Path], source: Path, contents: Contents) -> Make:
        """Return what makes annotations of masks, and name the classes in `contents`."""
        listed = next((source / name for name in FILES if (source / name).is_file()), None)
        if self.palette is not None:
            return self._coloured(colours_of(self.palette, source), contents, str(self.palette))
        if self.classes is None and listed is not None:
            return self._coloured(colours_of(str(listed), source), contents, str(listed))
        if self.classes == CITYSCAPES:
            contents.found = dict.fromkeys(CITYSCAPES_CLASSES, CITYSCAPES)
            return partial(cityscapes_mask, lenient=self.lenient)
        values, place = self._values(masks, source)
        contents.found = {name: place for name in values.values() if name is not None}
        if not isinstance(self.classes, dict):
            require_one_palette(masks)
        labels = tuple(values.items())
        return lambda path: IndexMask(path, labels, self.instances, lenient=self.lenient)

    def _coloured(self, colours: Mapping[Colour, str], contents: Contents, place: str) -> Make:
        if len(colours) > MOST_COLOURS:
            raise ValueError(f"{place} has {len(colours)} colours; {MOST_COLOURS} are allowed")
        contents.found = dict.fromkeys(colours.values(), place)
        contents.colours = {name: colour for colour, name in reversed(list(colours.items()))}
        contents.chosen = tuple(self.classes) if isinstance(self.classes, list) else None
        listed = tuple(colours.items())
        return lambda path: ColourMask(path, listed, self.tolerance, self.lenient)

    def _values(self, masks: Sequence[Path], source: Path) -> tuple[Values, str]:
        """Return the names of values, and where they are from."""
        if isinstance(self.classes, dict):
            return values_of_map(self.classes), "classes"
        path = next((source / name for name in LISTS if (source / name).is_file()), None)
        if isinstance(self.classes, str):
            path = Path(self.classes)
        names = self.classes if isinstance(self.classes, list) else None if path is None else read_classes(path)
        place = "classes" if path is None else str(path)
        if (names is None or len(names) == len(NAMES_OF_BINARY)) and is_binary(masks):
            return dict(zip((0, 255), names or NAMES_OF_BINARY, strict=True)), place
        if names is not None:
            return values_of_list(names, first=self.labels_from), place
        values = distinct_values(masks)
        if values == [0, 1]:
            return dict(enumerate(NAMES_OF_BINARY)), place
        raise ValueError(f"the masks of {source} need names for their classes; {how_to_name(values)}")


def _unpaired(tree: Tree, pairs: Pairs, contents: Contents) -> Iterator[str]:
    """Find images with no mask, which are no fault in a split without any, or several, and masks of none or several."""
    labelled = {tree.split_of(image) for image, found in pairs.masks.items() if found}
    bare = {image for image, found in pairs.masks.items() if not found and tree.split_of(image) not in labelled}
    if bare:
        contents.notes.append(f"{len(bare)} images of splits without masks are left out, first {min(bare)}")
    for image, found in pairs.masks.items():
        if len(found) > 1:
            yield f"{image} has {len(found)} masks: {shortened(found)}; say which with images= and masks="
        elif not found and image not in bare:
            yield f"{image} has no mask; put one there, or take the image away"
    uses = Counter(path for found in pairs.masks.values() for path in found)
    yield from (f"{path} is the mask of {count} images" for path, count in uses.items() if count > 1)
    yield from (f"{path} is a mask without an image; put one there, or take it away" for path in pairs.spare)
