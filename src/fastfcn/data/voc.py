"""`voc`: PASCAL VOC 2012 segmentation, 21 classes with background."""

from pathlib import Path
from typing import ClassVar

from fastfcn.data.labels import Labels, identity
from fastfcn.data.pairs import Pair
from fastfcn.data.palette import voc_palette
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.public import PublicData, pairs_of, read_list

CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
PALETTE = voc_palette(len(CLASSES))
LABELS = Labels(identity(len(CLASSES)))
FOLDER = Path("VOCdevkit/VOC2012")
TERMS = "photographs from Flickr under its terms of use, for research (http://host.robots.ox.ac.uk/pascal/VOC)"
VOC2012 = Archive(
    "VOCtrainval_11-May-2012.tar",
    (
        str(FOLDER / "JPEGImages"),
        str(FOLDER / "SegmentationClass"),
        str(FOLDER / "ImageSets/Segmentation"),
    ),
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
    "4e443f8a2eca6b1dac8a6c57641b67dd40621a49",
)


class VOC(PublicData):
    """Splits train, val and trainval, which the authors train on and which holds val."""

    name = "voc"
    classes = CLASSES
    palette = PALETTE
    labels = LABELS
    sizes: ClassVar = {"train": 1464, "val": 1449}
    terms = TERMS
    archives = (VOC2012,)

    def splits(self) -> tuple[str, ...]:
        """Name the splits."""
        return ("train", "val", "trainval")

    def pairs(self, name: str) -> list[Pair]:
        """List a split."""
        self.require_split(name)
        return list_voc2012(self, name)


def list_voc2012(data: PublicData, name: str) -> list[Pair]:
    """List a split of VOC 2012's own annotation."""
    folder = data.root / FOLDER
    names = read_list(data.require(folder / "ImageSets" / "Segmentation" / f"{name}.txt"))
    return pairs_of(names, folder / "JPEGImages", folder / "SegmentationClass")
