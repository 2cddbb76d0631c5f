"""CVAT for images 1.1 and CVAT for video 1.1: XML with shapes by image, or tracks by frame."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from fastfcn.data.converting.contents import Contents, Picture, Reader
from fastfcn.data.converting.cvat_shapes import AREAS, geometry_of
from fastfcn.data.converting.legend import chosen_classes
from fastfcn.data.converting.shapes import Shape, Shapes
from fastfcn.data.converting.tree import Tree, image_tree, split_of, split_of_name
from fastfcn.data.converting.xml_files import read_xml
from fastfcn.data.palette import Colour
from fastfcn.options import Name

COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
FRAME = "frame_{:06d}"  # what CVAT calls the images of a video

Placed = tuple[float, Shape]  # with its z_order


class Cvat(Reader):
    """Reads the XML files of a folder, or one.

    Polygons, masks, ellipses and boxes are painted by their z_order, as in CVAT's own masks; lines and points cover no
    area. Pixels of no shape are `background`, or with null of no class. `images` is the folder of the images.
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
        tree = image_tree(source, self.images, without=without)
        contents = Contents(background=self.background, chosen=chosen_classes(self.classes))
        paths = Tree(source, without=without).with_suffix(".xml") if source.is_dir() else [source]
        for path in paths:
            with contents.telling():
                root = read_xml(path)
                if root.tag == "annotations":
                    _File(path, root, tree, contents).read()
                else:
                    contents.notes.append(f"left out: {path} is no file of CVAT's")
        if not contents.pictures and not contents.faults:
            raise ValueError(f"{source} has no XML of CVAT's with images")
        return contents


class _File:
    """Adds the pictures and classes of a file to `contents`."""

    def __init__(self, path: Path, root: Element, tree: Tree, contents: Contents) -> None:
        self.path, self.root, self.tree, self.contents = path, root, tree, contents
        self.skipped: Counter[str] = Counter()

    def read(self) -> None:
        """Read the file."""
        for number, label in enumerate(self.root.iterfind("meta//labels/label"), 1):
            name = (label.findtext("name") or "").strip()
            if not name:
                raise ValueError(f"{self.path}: label {number} has no name")
            self.contents.found.setdefault(name, f"{self.path}: label {number}")
            if (colour := _colour(label.findtext("color") or "")) is not None:
                self.contents.colours.setdefault(name, colour)
        for image in self.root.iterfind("image"):
            place = f"{self.path}: image {image.get('id', '')} ({image.get('name', '')[:100]})"
            with self.contents.telling(place):
                shapes = [
                    shape for number, each in enumerate(image, 1) for shape in self._shape(each, f"{place}: {number}")
                ]
                self._add(
                    image.get("name") or "", image.get("subset"), shapes, _size(image.get("height"), image.get("width"))
                )
        self._read_tracks()
        if self.skipped:
            told = ", ".join(f"{count} {kind}" for kind, count in sorted(self.skipped.items()))
            self.contents.notes.append(f"{self.path}: not painted, for they cover no area or have no label: {told}")

    def _read_tracks(self) -> None:
        frames: dict[int, list[Placed]] = defaultdict(list)
        for track in self.root.iterfind("track"):
            for each in track:
                place = f"{self.path}: track {track.get('id', '')}, frame {each.get('frame', '')[:20]}"
                if each.get("outside") != "1" and (each.get("frame") or "").isdecimal():
                    frames[int(each.attrib["frame"])] += self._shape(each, place, label=track.get("label"))
        if self.root.find("track") is None:
            return
        size = _size(self.root.findtext("meta//original_size/height"), self.root.findtext("meta//original_size/width"))
        for image in self.tree.images:
            match = re.search(r"(\d+)$", image.stem)
            if match is not None:
                self._add(self.tree.name_of(image), None, frames.pop(int(match[1]), []), size)
        for frame in sorted(frames):
            self.contents.faults.append(
                f"{self.path}: frame {frame} has no image {FRAME.format(frame)} in {self.tree.root}"
            )

    def _add(self, name: str, subset: str | None, shapes: list[Placed], size: tuple[int, int] | None) -> None:
        image = self.tree.image(f"{subset}/{name}" if subset else name, near=self.path)
        split = (split_of(subset) if subset else None) or self.tree.split_of(image) or split_of_name(self.path.stem)
        ordered = tuple(shape for _, shape in sorted(shapes, key=lambda each: each[0]))
        self.contents.pictures.append(Picture(image, self.tree.name_of(image), Shapes(ordered, size, self.path), split))

    def _shape(self, each: Element, place: str, label: str | None = None) -> Iterator[Placed]:
        """Yield the shape of an element, if it covers an area; one without a label is of no class."""
        name = (each.get("label") or label or "").strip()
        if each.tag in AREAS:
            where = f"{place} ({each.tag}{f' {name}' if name else ''})"
            if not name:
                self.skipped[f"{each.tag} without a label, of no class"] += 1
            yield _order(each, where), Shape(name or None, geometry_of(each, where), where)
        elif each.tag not in ("tag", "attribute"):
            self.skipped[each.tag] += 1


def _order(each: Element, place: str) -> float:
    try:
        return float(each.get("z_order") or 0)
    except ValueError as error:
        raise ValueError(f"{place}: z_order is no number") from error


def _size(height: str | None, width: str | None) -> tuple[int, int] | None:
    if height is None or width is None:
        return None
    if not (height.isdecimal() and width.isdecimal()):
        raise ValueError(f"a size of {width[:20]} x {height[:20]}")
    return int(height), int(width)


def _colour(text: str) -> Colour | None:
    match = COLOUR.fullmatch(text.strip())
    return None if match is None else (int(match[1], 16), int(match[2], 16), int(match[3], 16))
