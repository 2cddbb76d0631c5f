"""LabelMe's JSON, one file an image, and the XML of the web tool of that name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from fastfcn.data.classes import LABELME_IGNORE
from fastfcn.data.converting.bitmaps import read_bitmap, sniffed_suffix
from fastfcn.data.converting.contents import Contents, Picture, Reader
from fastfcn.data.converting.geometry import PAIRS, Drawn, Geometry, patch
from fastfcn.data.converting.json_files import Coordinate, OtherJSONError, Side, read_json
from fastfcn.data.converting.labelme_xml import read_labelme_xml
from fastfcn.data.converting.legend import chosen_classes
from fastfcn.data.converting.shapes import Shape, Shapes, labels_of
from fastfcn.data.converting.tree import Tree, image_tree
from fastfcn.data.listing import shortened
from fastfcn.data.text import read_lines, same_form
from fastfcn.options import Name

LISTS = ("labels.txt", "class_names.txt", "classes.txt")  # of labels, in or above the source
POLYGONS = ("polygon", "rotation")  # the second is X-AnyLabeling's, with four corners


class LabelMeShape(TypedDict):
    """A shape."""

    label: Any
    points: list[tuple[Coordinate, Coordinate]]
    shape_type: NotRequired[str | None]
    mask: NotRequired[str | None]


class LabelMeFile(TypedDict):
    """A file."""

    shapes: list[LabelMeShape]
    imagePath: NotRequired[str | None]
    imageData: NotRequired[str | None]
    imageHeight: NotRequired[Side | None]
    imageWidth: NotRequired[Side | None]


class LabelMe(Reader):
    """Reads the files of a folder and below.

    Classes are those of `classes`, or of a labels.txt in or above the source that has all labels in use, or these,
    sorted. Pixels of no shape are `background`, or with null of no class. `images` is the folder of the images, by
    default anywhere beside the annotations.
    """

    def __init__(
        self,
        *,
        images: Name | None = None,
        classes: list[Name] | Name | None = None,
        background: Name | None = "background",
    ) -> None:
        self.images, self.classes, self.background = images, classes, background

    def read(self, source: Path, *, without: Path) -> Contents:
        """Read the files."""
        if not source.is_dir():
            raise ValueError(f"source={source} is no folder; give the one that holds LabelMe's files")
        tree = image_tree(source, self.images, without=without)
        contents = Contents(background=self.background, chosen=chosen_classes(self.classes))
        for path in Tree(source, without=without).with_suffix(".json", ".xml"):
            read = _read_json if path.suffix.lower() == ".json" else read_labelme_xml
            with contents.telling():
                try:
                    contents.pictures.append(read(path, tree))
                except OtherJSONError as error:
                    contents.notes.append(f"left out: {error}")
        if not contents.pictures and not contents.faults:
            raise ValueError(f"{source} has no file of LabelMe's")
        contents.found = labels_of(each.annotation for each in contents.pictures if isinstance(each.annotation, Shapes))
        if contents.chosen is None:
            contents.chosen = _listed(source, contents)
        return contents


def _listed(source: Path, contents: Contents) -> tuple[str, ...] | None:
    """Return the classes of a list that has all labels in use; None if there is none."""
    for path in (folder / name for folder in (source, source.resolve().parent) for name in LISTS):
        if path.is_file():
            names = [name for name in read_lines(path) if name and name != LABELME_IGNORE]
            missing = sorted(set(contents.found) - {*names, LABELME_IGNORE})
            if not missing:
                contents.notes.append(f"classes are those of {path}")
                return tuple(names)
            contents.notes.append(f"{path} is not used: it lacks {shortened(missing)}")
    return None


def _read_json(path: Path, tree: Tree) -> Picture:
    content = read_json(path, LabelMeFile, "file of LabelMe's")
    height, width = content.get("imageHeight"), content.get("imageWidth")
    declared = None if height is None or width is None else (height, width)
    shapes = Shapes(tuple(_shapes(path, content)), declared, path)
    image = _image(path, content, tree)
    if image is not None:
        return Picture(image, tree.name_of(image), shapes, tree.split_of(image))
    data = content.get("imageData")
    if data is None:
        raise ValueError(f"{path}: imagePath: image {content.get('imagePath')!r} is not in {tree.root}")
    name = path.with_suffix(sniffed_suffix(data, f"{path}: imageData"))
    split = tree.split_of(path) if path.is_relative_to(tree.root) else None
    return Picture(path, name.name if split is None else tree.name_of(name), shapes, split, embedded=True)


def _image(path: Path, content: LabelMeFile, tree: Tree) -> Path | None:
    """Find the image by the path in the file, or the one beside it of its own name; None if there is none."""
    named = content.get("imagePath")
    if named and tree.holds(named):
        return tree.image(named, near=path)
    beside = [
        each for each in tree.images if each.parent == path.parent and same_form(each.stem) == same_form(path.stem)
    ]
    return beside[0] if len(beside) == 1 else None


def _shapes(path: Path, content: LabelMeFile) -> Iterator[Shape]:
    for number, shape in enumerate(content["shapes"]):
        label, place = str(shape["label"] if shape["label"] is not None else "").strip(), f"{path}: shapes[{number}]"
        if not label:
            raise ValueError(f"{place} has no label")
        yield Shape(label, _geometry(shape, place), f"{place} ({label})")


def _geometry(shape: LabelMeShape, place: str) -> Geometry:
    kind, points = shape.get("shape_type") or "polygon", tuple(shape["points"])
    if kind == "mask":
        if not points or not shape.get("mask"):
            raise ValueError(f"{place}: a mask without its pixels or its place")
        bitmap = read_bitmap(shape["mask"] or "", f"{place}: mask")
        return patch(bitmap, round(points[0][0]), round(points[0][1]))
    if kind not in (*POLYGONS, *PAIRS):
        raise ValueError(
            f"{place}: shape_type {kind[:50]!r} is not known; there are mask, {', '.join((*POLYGONS, *PAIRS))}"
        )
    return Drawn("polygon" if kind in POLYGONS else kind, points)
