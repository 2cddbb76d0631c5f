"""`coco_voc`: instances of COCO 2017 (arXiv:1405.0312) reduced to the 21 classes of VOC."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import TypedDict

from fastfcn.data.dataset import UInt8
from fastfcn.data.pairs import Pair, describe_missing, missing
from fastfcn.data.preparing.annotations import Number, Side, read_annotations, stem_of
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.preparing.masks import Conversion, convert, named
from fastfcn.data.preparing.regions import paint
from fastfcn.data.public import PublicData, pairs_of, read_list, write_list
from fastfcn.data.voc import CLASSES, LABELS, PALETTE

HOST = "http://images.cocodataset.org"
CATEGORY_IDS = (0, 5, 2, 16, 9, 44, 6, 3, 17, 62, 21, 67, 18, 19, 4, 1, 64, 20, 63, 7, 72)  # in the order of VOC
VALUES = {category: value for value, category in enumerate(CATEGORY_IDS) if value}
MIN_PIXELS = 1000  # an image is kept with more pixels than this of any object, as the authors have it
MASKS = Path("voc_masks")  # what we make: a PNG an image, and a list a split
YEAR = "2017"


class Photograph(TypedDict):
    """An image of an annotation file."""

    id: Number
    file_name: str
    height: Side
    width: Side


class Instance(TypedDict):
    """An object in one of the images."""

    image_id: Number
    category_id: Number
    segmentation: Any  # which is looked at when it is painted


class Annotations(TypedDict):
    """An annotation file."""

    images: list[Photograph]
    annotations: list[Instance]


@dataclass(frozen=True)
class Instances(Conversion):
    """The instances of one image, in the file's order: the earlier covers the later."""

    height: int
    width: int
    regions: Sequence[tuple[int, Any]]

    def mask(self) -> UInt8:
        """Paint the instances."""
        with named(f"image {self.output.stem} of instances_{self.output.parent.name}.json"):
            return paint(self.regions, self.height, self.width, over=False)


class COCOVOC(PublicData):
    """Splits train and val: the images that show enough of VOC's objects. Their number is not published."""

    name = "coco_voc"
    classes = CLASSES
    palette = PALETTE
    labels = LABELS
    sizes: ClassVar = {"train": None, "val": None}
    terms = (
        "photographs from Flickr under its terms of use; annotations CC BY 4.0 (https://cocodataset.org/#termsofuse)"
    )
    archives = (
        Archive(
            "train2017.zip",
            ("train2017",),
            f"{HOST}/zips/train2017.zip",
            "10ad623668ab00c62c096f0ed636d6aff41faca5",
        ),
        Archive(
            "val2017.zip",
            ("val2017",),
            f"{HOST}/zips/val2017.zip",
            "4950dc9d00dbe1c933ee0170f5797584351d2a41",
        ),
        Archive(
            "annotations_trainval2017.zip",
            ("annotations/instances_train2017.json", "annotations/instances_val2017.json"),
            f"{HOST}/annotations/annotations_trainval2017.zip",
            "8551ee4bb5860311e79dace7e79cb91e432e78b3",
        ),
    )

    def splits(self) -> tuple[str, ...]:
        """Name the splits."""
        return ("train", "val")

    def pairs(self, name: str) -> list[Pair]:
        """List a split."""
        self.require_split(name)
        folder = f"{name}{YEAR}"
        names = read_list(self.require(self.root / MASKS / f"{folder}.txt"))
        return pairs_of(names, self.root / folder, self.root / MASKS / folder)

    def convert(self, workers: int) -> None:
        """Turn the instances into PNG masks, and list the images that show enough."""
        for split in self.splits():
            folder = f"{split}{YEAR}"
            jobs = self._jobs(folder)
            pixels = convert(jobs, description=f"converting {folder}", workers=workers)
            kept = [job.output.stem for job, count in zip(jobs, pixels, strict=True) if count > MIN_PIXELS]
            write_list(self.root / MASKS / f"{folder}.txt", sorted(kept))

    def _jobs(self, folder: str) -> list[Conversion]:
        path = self.require(self.root / "annotations" / f"instances_{folder}.json")
        content = read_annotations(path, Annotations)
        stems = {image["id"]: stem_of(image["file_name"], path) for image in content["images"]}
        absent = missing(self.root / folder / image["file_name"] for image in content["images"])
        if absent:
            raise FileNotFoundError(f"{describe_missing('image', absent)}, which {path.name} lists")
        regions: dict[int, list[tuple[int, Any]]] = defaultdict(list)
        for each in content["annotations"]:
            if each["category_id"] in VALUES:
                regions[each["image_id"]].append((VALUES[each["category_id"]], each["segmentation"]))
        return [
            Instances(
                self.root / MASKS / folder / f"{stems[image['id']]}.png",
                image["height"],
                image["width"],
                regions[image["id"]],
            )
            for image in content["images"]
            if image["id"] in regions
        ]
