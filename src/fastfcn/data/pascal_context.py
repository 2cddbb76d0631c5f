"""`pascal_context` and `pascal_context60`: VOC 2010 images labelled whole (Mottaghi et al., CVPR 2014).

Published in two forms with the same content: `trainval_merged.json` with COCO run lengths, and MATLAB label maps with
`59_labels.txt`. Either becomes PNG masks of 0, everything else, and 1 to 59, the classes by ascending category id.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from typing_extensions import TypedDict

from fastfcn.data.dataset import UInt8
from fastfcn.data.labels import Labels, identity, shifted
from fastfcn.data.pairs import Pair
from fastfcn.data.palette import voc_palette
from fastfcn.data.preparing.annotations import Number, Side, read_annotations, stem_of
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.preparing.masks import Conversion, convert, named
from fastfcn.data.preparing.matlab import MAX_LABEL, read_label_map
from fastfcn.data.preparing.regions import paint
from fastfcn.data.public import PublicData, pairs_of, read_list, write_list
from fastfcn.data.remapping import Remap
from fastfcn.data.text import read_lines
from fastfcn.options import Name

log = logging.getLogger(__name__)

CLASSES = (
    "aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book", "bottle", "building", "bus",
    "cabinet", "car", "cat", "ceiling", "chair", "cloth", "computer", "cow", "cup", "curtain", "dog", "door", "fence",
    "floor", "flower", "food", "grass", "ground", "horse", "keyboard", "light", "motorbike", "mountain", "mouse",
    "person", "plate", "platform", "pottedplant", "road", "rock", "sheep", "shelves", "sidewalk", "sign", "sky", "snow",
    "sofa", "table", "track", "train", "tree", "truck", "tvmonitor", "wall", "water", "window", "wood",
)  # fmt: skip
CATEGORY_IDS = (
    2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113, 115, 144, 158, 159,
    162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326, 347, 349, 354, 355, 360, 366, 368, 397,
    415, 416, 420, 424, 427, 440, 445, 454, 458,
)  # fmt: skip
VALUES = {category: value for value, category in enumerate(CATEGORY_IDS, 1)}  # in our masks
SPELLINGS = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}  # of 59_labels.txt
COLOURS = voc_palette(len(CLASSES) + 1)
FOLDER = Path("VOCdevkit/VOC2010")
MERGED = FOLDER / "trainval_merged.json"
MASKS = FOLDER / "context"  # what we make: a PNG an image, and a list a split
MATLAB = Path("trainval")  # the second form's folder of label maps
LABELS_59, LABELS_ALL = Path("59_labels.txt"), Path("labels.txt")
JSON_URL = "https://codalabuser.blob.core.windows.net/public/trainval_merged.json"


class Category(TypedDict):
    """A category of the json."""

    id: Number
    name: str


class Photograph(TypedDict):
    """An image of the json."""

    image_id: Number | str
    file_name: str
    phase: str
    height: Side
    width: Side


class Region(TypedDict):
    """A region of one of the images."""

    image_id: Number | str
    category_id: Number
    segmentation: Any  # which is looked at when it is painted


class Merged(TypedDict):
    """trainval_merged.json."""

    categories: list[Category]
    images: list[Photograph]
    annos_segmentation: list[Region]


@dataclass(frozen=True)
class Regions(Conversion):
    """The run lengths of one image in trainval_merged.json, in the file's order: the later covers the earlier."""

    height: int
    width: int
    regions: Sequence[tuple[int, Any]]

    def mask(self) -> UInt8:
        """Paint the regions."""
        with named(f"{MERGED.name}, image {self.output.stem}"):
            return paint(self.regions, self.height, self.width, over=True)


@dataclass(frozen=True)
class LabelMap(Conversion):
    """A .mat file, whose `LabelMap` holds category ids; `values` translates them."""

    source: Path
    values: Mapping[int, int]

    def mask(self) -> UInt8:
        """Translate the label map."""
        table = np.zeros(MAX_LABEL + 1, np.uint8)
        table[list(self.values)] = list(self.values.values())
        mask: UInt8 = table[read_label_map(self.source, "LabelMap")]
        return mask


class PascalContext(PublicData):
    """Splits train and val, 59 classes; with `background` the rest of the image is a class of its own, the first."""

    sizes: ClassVar = {"train": 4998, "val": 5105}
    terms = "photographs from Flickr under its terms of use, for research (http://host.robots.ox.ac.uk/pascal/VOC)"
    archives = (
        Archive(
            "VOCtrainval_03-May-2010.tar",
            (str(FOLDER / "JPEGImages"),),
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/VOCtrainval_03-May-2010.tar",
            "bf9985e9f2b064752bf6bd654d89f017c76c395a",
        ),
        Archive(MERGED.name, (str(MERGED),), JSON_URL, "169325d9f7e9047537fedca7b04de4dddf10b881"),
    )

    def __init__(
        self,
        *,
        root: Name | None = None,
        background: bool = False,
        train_split: Name = "train",
        val_split: Name = "val",
        test_split: Name = "val",
        remap: Remap | None = None,
    ) -> None:
        super().__init__(root=root, train_split=train_split, val_split=val_split, test_split=test_split)
        count = len(CLASSES)
        self.name = "pascal_context60" if background else "pascal_context"
        self.classes = ("background", *CLASSES) if background else CLASSES
        self.palette = COLOURS if background else COLOURS[1:]
        self.labels = Labels(identity(count + 1) if background else shifted(count))
        self.rename(remap)

    def splits(self) -> tuple[str, ...]:
        """Name the splits."""
        return ("train", "val")

    def pairs(self, name: str) -> list[Pair]:
        """List a split."""
        self.require_split(name)
        names = read_list(self.require(self.root / MASKS / f"{name}.txt"))
        return pairs_of(names, self.root / FOLDER / "JPEGImages", self.root / MASKS)

    def needed(self) -> Sequence[Archive]:
        """Leave out the json where the MATLAB form is there."""
        return self.archives[:1] if self._is_matlab() else self.archives

    def _is_matlab(self) -> bool:
        return (self.root / MATLAB).is_dir() and not (self.root / MERGED).exists()

    def convert(self, workers: int) -> None:
        """Turn either form into PNG masks and lists."""
        jobs, lists = self._from_matlab() if self._is_matlab() else self._from_json()
        convert(jobs, description="converting PASCAL Context", workers=workers)
        for split, names in lists.items():
            write_list(self.root / MASKS / f"{split}.txt", names)

    def _from_json(self) -> tuple[list[Conversion], dict[str, list[str]]]:
        path = self.require(self.root / MERGED)
        content = read_annotations(path, Merged)
        _compare_names({each["id"]: each["name"] for each in content["categories"]}, path)
        regions: dict[int | str, list[tuple[int, Any]]] = defaultdict(list)
        for each in content["annos_segmentation"]:
            regions[each["image_id"]].append((VALUES.get(each["category_id"], 0), each["segmentation"]))
        jobs: list[Conversion] = []
        lists: dict[str, list[str]] = {split: [] for split in self.splits()}
        for image in content["images"]:
            if image["phase"] in lists:
                stem = stem_of(image["file_name"], path)
                lists[image["phase"]].append(stem)
                output = self.root / MASKS / f"{stem}.png"
                jobs.append(Regions(output, image["height"], image["width"], regions[image["image_id"]]))
        return jobs, lists

    def _from_matlab(self) -> tuple[list[Conversion], dict[str, list[str]]]:
        values = read_values(self.require(self.root / LABELS_59), self.root / LABELS_ALL)
        lists = {split: read_list(self._list(split)) for split in self.splits()}
        jobs: list[Conversion] = [
            LabelMap(self.root / MASKS / f"{name}.png", self.root / MATLAB / f"{name}.mat", values)
            for names in lists.values()
            for name in names
        ]
        return jobs, lists

    def _list(self, split: str) -> Path:
        """Return the list that lies beside the label maps, or else VOC 2010's own of the same images."""
        own = self.root / f"{split}.txt"
        return own if own.exists() else self.require(self.root / FOLDER / "ImageSets" / "Main" / f"{split}.txt")


def read_values(labels_59: Path, labels_all: Path) -> dict[int, int]:
    """Map the category ids of the label maps to our mask values, by the names in the published lists.

    Where the list of all categories is missing, their known ids stand in. Raises ValueError if a name is unknown.
    """
    ids = {name: category for category, name in read_names(labels_all).items()} if labels_all.exists() else {}
    known = {**dict(zip(CLASSES, CATEGORY_IDS, strict=True)), **ids}
    names = set(read_names(labels_59).values())
    if names != set(CLASSES):
        odd = sorted(names ^ set(CLASSES))
        raise ValueError(f"{labels_59} does not name the {len(CLASSES)} classes: it differs in {', '.join(odd[:5])}")
    return {known[name]: value for value, name in enumerate(CLASSES, 1)}


def read_names(path: Path) -> dict[int, str]:
    """Read lines such as `44: building`, in our spelling."""
    found = [match for line in read_lines(path) if (match := re.fullmatch(r"(\d{1,4})\s*:\s*(.+)", line))]
    return {int(match[1]): _spell(match[2]) for match in found}


def _spell(name: str) -> str:
    plain = name.replace(" ", "")
    return SPELLINGS.get(plain, plain)


def _compare_names(names: Mapping[int, str], path: Path) -> None:
    for category, expected in zip(CATEGORY_IDS, CLASSES, strict=True):
        if category in names and _spell(names[category]) != expected:
            log.warning("%s calls category %d %r, known here as %r", path, category, names[category], expected)
