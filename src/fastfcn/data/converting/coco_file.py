"""One JSON file of COCO's, from its schema to labelled pictures."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from fastfcn.data.converting.coco_schema import Annotations, Instance, Photograph
from fastfcn.data.converting.contents import Annotation, Contents, Picture
from fastfcn.data.converting.geometry import Geometry, Polygons, Runs, corners
from fastfcn.data.converting.panoptic import Panoptic, Segment
from fastfcn.data.converting.shapes import Shape, Shapes
from fastfcn.data.converting.tree import Tree, split_of_name
from fastfcn.data.palette import Colour

Boxes = Literal["ignored", "filled"]
Placed = tuple[str, Instance]  # with its place in the file


class CocoFile:
    """Adds the pictures, classes and faults of a file to `contents`."""

    def __init__(self, path: Path, content: Annotations, contents: Contents, tree: Tree, boxes: Boxes) -> None:
        self.path, self.content, self.contents = path, content, contents
        self.tree, self.boxes = tree, boxes
        self.names: dict[str, str] = {}
        self.boxed: list[str] = []

    def read(self) -> None:
        """Read the file."""
        annotated = self._by_image()
        self._read_categories()
        for number, image in enumerate(self.content["images"]):
            with self.contents.telling(f"{self.path}: images[{number}] ({image['file_name'][:100]})"):
                found = self.tree.image(image["file_name"], near=self.path)
                split = (self.tree.split_of(self.path) if self.path.is_relative_to(self.tree.root) else None) or (
                    split_of_name(self.path.stem) or self.tree.split_of(found)
                )
                annotation = self._annotation(image, annotated.pop(image["id"], []))
                self.contents.pictures.append(Picture(found, self.tree.name_of(found), annotation, split))
        if self.boxed:
            self.contents.notes.append(
                f"{self.path}: {len(self.boxed)} objects have a box and no segmentation, first {self.boxed[0]}; boxes="
                f"{self.boxes}: their pixels are {'of no class' if self.boxes == 'ignored' else 'those of the box'}"
            )

    def _by_image(self) -> dict[str, list[Placed]]:
        known = {image["id"] for image in self.content["images"]}
        found: dict[str, list[Placed]] = defaultdict(list)
        for number, each in enumerate(self.content["annotations"]):
            place = f"annotations[{number}]"
            if each["image_id"] in known:
                found[each["image_id"]].append((place, each))
            else:
                self.contents.faults.append(f"{self.path}: {place}: image_id {each['image_id']} is none of the images")
        if len(known) < len(self.content["images"]):
            self.contents.faults.append(f"{self.path}: two images have one id")
        return found

    def _read_categories(self) -> None:
        """Name the categories by id, but for one that is only a heading of the others and labels nothing."""
        categories = self.content.get("categories", [])
        used = {each.get("category_id") for each in self.content["annotations"]}
        headings = {each.get("supercategory") for each in categories if each.get("supercategory") != each.get("name")}
        for number, category in enumerate(categories):
            place, name = f"{self.path}: categories[{number}]", category.get("name")
            name = str(name) if type(name) is int else name
            if not isinstance(name, str) or not name.strip():
                self.contents.faults.append(f"{place}: category {category['id']} has no name")
            elif name in headings and category["id"] not in used:
                self.contents.notes.append(
                    f"{place}: {name!r} is left out: it heads other categories, and labels nothing"
                )
            else:
                self.names[category["id"]] = name.strip()
                self.contents.found.setdefault(name.strip(), place)
                if (colour := _colour(category.get("color"))) is not None:
                    self.contents.colours.setdefault(name.strip(), colour)

    def _annotation(self, image: Photograph, annotated: Sequence[Placed]) -> Annotation:
        height, width = image.get("height"), image.get("width")
        size = None if height is None or width is None else (height, width)
        panoptic = [each for each in annotated if "segments_info" in each[1]]
        if panoptic:
            return self._panoptic(*panoptic[0])
        return Shapes(tuple(self._shapes(annotated)), size, self.path)

    def _shapes(self, annotated: Sequence[Placed]) -> Iterator[Shape]:
        """Yield the objects in their order, after those of which there is a box alone."""
        for place, each in annotated:
            if not each.get("segmentation") and _is_box(each.get("bbox")):
                left, top, width, height = each["bbox"]
                label = self._label(each.get("category_id"), place)
                region = Polygons((corners(left, top, left + width, top + height),))
                yield self._shape(None if self.boxes == "ignored" else label, region, place)
                self.boxed.append(place)
        for place, each in annotated:
            if each.get("segmentation"):
                yield self._shape(self._label(each.get("category_id"), place), _geometry(each, place), place)

    def _shape(self, label: str | None, geometry: Geometry, place: str) -> Shape:
        return Shape(label, geometry, f"{self.path}: {place}")

    def _panoptic(self, place: str, each: Instance) -> Panoptic:
        segments = []
        for number, segment in enumerate(each["segments_info"]):
            identifier = segment.get("id")
            if not isinstance(identifier, int):
                raise ValueError(f"{place}.segments_info[{number}] has no id")
            category = segment.get("category_id")
            segments.append(Segment(identifier, self._label(None if category is None else str(category), place)))
        name = f"{self.path.stem}/{each.get('file_name', '')}"
        masks = self.tree if self.path.is_relative_to(self.tree.root) else Tree(self.path.parent)
        return Panoptic(masks.image(name, near=self.path), tuple(segments), f"{self.path}: {place}")

    def _label(self, category: str | None, place: str) -> str:
        if category not in self.names:
            raise ValueError(f"{place}: category_id {category} is none of the categories that have a name")
        return self.names[category]


def _geometry(each: Instance, place: str) -> Geometry:
    segmentation: Any = each["segmentation"]
    if isinstance(segmentation, dict):
        return Runs(segmentation)
    if _is_ring(segmentation):
        segmentation = [segmentation]  # the list around the rings is missing
    if isinstance(segmentation, list):
        segmentation = [ring for ring in segmentation if ring != []] or segmentation
    if not isinstance(segmentation, list) or not all(map(_is_ring, segmentation)):
        raise ValueError(f"{place}: segmentation is neither polygons nor run lengths")
    return Polygons(tuple(tuple(zip(ring[::2], ring[1::2], strict=True)) for ring in segmentation))


def _is_ring(points: Any) -> bool:
    return isinstance(points, list) and len(points) % 2 == 0 and all(type(each) in (int, float) for each in points)


def _is_box(numbers: Any) -> bool:
    return isinstance(numbers, list) and len(numbers) == 4 and all(type(each) in (int, float) for each in numbers)


def _colour(value: Any) -> Colour | None:
    fits = isinstance(value, list) and len(value) == 3 and all(type(each) is int and 0 <= each < 256 for each in value)
    return (value[0], value[1], value[2]) if fits else None
