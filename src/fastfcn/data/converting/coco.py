"""COCO's JSON, instances and panoptic, as COCO itself, CVAT, Roboflow, Label Studio and many others write it."""

from collections.abc import Iterator
from pathlib import Path

from fastfcn.data.converting.coco_file import Boxes, CocoFile
from fastfcn.data.converting.coco_schema import Annotations
from fastfcn.data.converting.contents import Contents, Reader
from fastfcn.data.converting.json_files import OtherJSONError, read_json
from fastfcn.data.converting.legend import chosen_classes
from fastfcn.data.converting.panoptic import Panoptic
from fastfcn.data.converting.tree import Tree, image_tree
from fastfcn.options import Name

KINDS = ("instances", "panoptic", "stuff", "person_keypoints")  # of COCO's files; of those for one image the first


class Coco(Reader):
    """Reads the JSON files of a folder, or one of them, or those that `annotations` (a glob) names.

    `images` is the folder of the images, by default anywhere beside them. Objects of which there is a box alone are of
    no class there, or `filled`. Pixels of no object are `background`, or with null of no class.
    """

    def __init__(
        self,
        *,
        images: Name | None = None,
        annotations: Name | None = None,
        classes: list[Name] | Name | None = None,
        background: Name | None = "background",
        boxes: Boxes = "ignored",
    ) -> None:
        self.images, self.annotations = images, annotations
        self.classes, self.background, self.boxes = classes, background, boxes

    def read(self, source: Path, *, without: Path) -> Contents:
        """Read the files."""
        tree = image_tree(source, self.images, without=without)
        contents = Contents(chosen=chosen_classes(self.classes))
        files = {
            path: content for path in self._paths(source, without) if (content := _load(path, contents)) is not None
        }
        if not files and not contents.faults:
            raise ValueError(f"{source} has no COCO JSON with images and segmentations")
        for path, content in files.items():
            better = [other for other in files if _twins(path, other) and _rank(other) < _rank(path)]
            if better:
                contents.notes.append(f"{path} is left out for {better[0].name}; annotations={path.name} reads it")
            else:
                CocoFile(path, content, contents, tree, self.boxes).read()
        panoptic = all(isinstance(each.annotation, Panoptic) for each in contents.pictures)
        contents.background = None if panoptic and contents.pictures else self.background
        return contents

    def _paths(self, source: Path, without: Path) -> Iterator[Path]:
        if source.is_file():
            yield source
            return
        for path in Tree(source, without=without).with_suffix(".json"):
            if self.annotations is None or path.relative_to(source).match(self.annotations):
                yield path


def _load(path: Path, contents: Contents) -> Annotations | None:
    """Read a file; None if it is damaged, which is a fault, or labels no pixels."""
    with contents.telling():
        try:
            content = read_json(path, Annotations, "COCO annotation")
        except OtherJSONError as error:
            contents.notes.append(f"left out: {error}")
            return None
        if any("segmentation" in each or "segments_info" in each for each in content["annotations"]):
            return content
        contents.notes.append(f"left out: {path} has no segmentations")
    return None


def _twins(path: Path, other: Path) -> bool:
    """Tell whether two files are COCO's for the same images."""
    rests = [_kind(each.name)[1] for each in (path, other)]
    return path.parent == other.parent and rests[0] == rests[1]


def _rank(path: Path) -> int:
    return _kind(path.name)[0]


def _kind(name: str) -> tuple[int, str]:
    """Return the rank of a file's kind, and the rest of its name."""
    for rank, kind in enumerate(KINDS):
        if name.startswith(f"{kind}_"):
            return rank, name.removeprefix(kind)
    return len(KINDS), name
