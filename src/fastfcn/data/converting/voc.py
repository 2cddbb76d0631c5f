"""PASCAL VOC's layout: JPEGImages, SegmentationClass, and lists of names in ImageSets/Segmentation."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from fastfcn.data.converting.colours import MOST_COLOURS, published_colours, read_colours
from fastfcn.data.converting.contents import Annotation, Contents, Picture, Reader
from fastfcn.data.converting.legend import chosen_classes
from fastfcn.data.converting.mask_files import ColourMask, IndexMask
from fastfcn.data.converting.mask_values import values_of_list
from fastfcn.data.converting.tree import Tree, split_of
from fastfcn.data.images import INDEX_MODES, read_head
from fastfcn.data.listing import shortened
from fastfcn.data.palette import Colour
from fastfcn.data.text import read_lines, same_form
from fastfcn.data.voc import CLASSES
from fastfcn.options import Name

MASKS, IMAGES, LISTS = "SegmentationClass", "JPEGImages", "ImageSets/Segmentation"
LABELMAP, NAMES = "labelmap.txt", "class_names.txt"


class Voc(Reader):
    """Reads colours by labelmap.txt or VOC's own, and indices by `classes`, class_names.txt or VOC's 21."""

    def __init__(self, *, classes: list[Name] | Name | None = None) -> None:
        self.classes = classes

    def read(self, source: Path, *, without: Path) -> Contents:
        """Read the lists, or without any all masks."""
        root, contents = _root(source, without), Contents()
        images, masks = (_by_stem(Tree(root / folder)) for folder in (IMAGES, MASKS))
        make = self._maker(root, contents)
        lists = dict(_lists(root / LISTS, images)) or {name: None for name in masks}
        bare = _bare(lists, masks)
        for name, split in lists.items():
            if split in bare:
                continue
            with contents.telling():
                if name not in images:
                    raise ValueError(f"{root / IMAGES} has no image {name}")
                if name not in masks:
                    raise ValueError(f"{images[name]} has no mask in {root / MASKS}")
                contents.pictures.append(
                    Picture(images[name], f"{name}{images[name].suffix}", make(masks[name]), split)
                )
        left_out = [name for name, split in lists.items() if split in bare]
        if left_out:
            contents.notes.append(f"{len(left_out)} images of lists without masks are left out: {shortened(left_out)}")
        spare = sorted(set(masks) - set(lists))
        if spare:
            contents.notes.append(
                f"{len(spare)} masks are in no list of {root / LISTS}, and left out: {shortened(spare)}"
            )
        return contents

    def _maker(self, root: Path, contents: Contents) -> Callable[[Path], Annotation]:
        names = chosen_classes(self.classes)
        if names is None and (root / NAMES).is_file():
            names = tuple(line for line in read_lines(root / NAMES) if line)
        colours: Mapping[Colour, str] = published_colours("voc") if names is None else {}
        place = "VOC"
        if (root / LABELMAP).is_file():
            colours, place = read_colours(root / LABELMAP), str(root / LABELMAP)
        if len(colours) > MOST_COLOURS:
            raise ValueError(f"{place} has {len(colours)} colours; {MOST_COLOURS} are allowed")
        contents.found = dict.fromkeys(names or colours.values(), place)
        contents.colours = {name: colour for colour, name in colours.items()}
        values = tuple(values_of_list(names or CLASSES, first=0).items())
        mapped = (root / LABELMAP).is_file()

        def make(path: Path) -> Annotation:
            mode = read_head(path).mode
            indices = mode in INDEX_MODES and not (mapped and mode == "P" and names is None)
            return IndexMask(path, values) if indices else ColourMask(path, tuple(colours.items()))

        return make


def _root(source: Path, without: Path) -> Path:
    """Return the folder that holds the masks' folder, which may lie deeper, as VOCdevkit/VOC2012 does."""
    images = Tree(source, without=without).images if source.is_dir() else []
    found = {parent.parent for path in images for parent in path.parents if parent.name == MASKS}
    if len(found) != 1:
        raise ValueError(
            f"{source} has {len(found) or 'no'} folders {MASKS} with masks; give the folder that holds one"
        )
    return found.pop()


def _by_stem(tree: Tree) -> dict[str, Path]:
    return {same_form(tree.name_of(path).rpartition(".")[0]): path for path in tree.images}


def _lists(folder: Path, images: Mapping[str, Path]) -> Iterator[tuple[str, str | None]]:
    """Return the names of the lists with their splits; of train, val and trainval the first two.

    A line may hold the image's path, and further columns after it.
    """
    paths = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    known = [path for path in paths if split_of(path.stem)]
    seen: dict[str, Path] = {}
    for path in known or paths:
        for line in read_lines(path):
            name = same_form(line.split("#")[0].strip().strip('"'))
            if not name:
                continue
            first = PurePosixPath(name.split()[0].replace("\\", "/")).stem
            name = first if name not in images and first in images else name
            if seen.setdefault(name, path) != path:
                raise ValueError(f"{path} and {seen[name].name} both list {name}; an image belongs to one split")
            yield name, split_of(path.stem)


def _bare(lists: Mapping[str, str | None], masks: Mapping[str, Path]) -> set[str | None]:
    """Return the splits of which no image has a mask."""
    return set(lists.values()) - {split for name, split in lists.items() if name in masks}
