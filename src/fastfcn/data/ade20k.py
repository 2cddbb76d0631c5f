"""`ade20k`: the scene parsing benchmark of 2016, 150 classes (arXiv:1608.05442)."""

from typing import ClassVar

from fastfcn.data.images import list_images
from fastfcn.data.labels import Labels, shifted
from fastfcn.data.pairs import Pair
from fastfcn.data.palette import read_legend
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.public import PublicData

HOST = "http://data.csail.mit.edu/places/ADEchallenge"
FOLDER = "ADEChallengeData2016"
CLASSES, PALETTE = read_legend("ade20k")
PARTS = {"train": ("training",), "val": ("validation",), "trainval": ("training", "validation")}


class ADE20K(PublicData):
    """Splits train, val, trainval and test; mask value 0 is unlabelled. The test split's masks are not published."""

    name = "ade20k"
    classes = CLASSES
    palette = PALETTE
    labels = Labels(shifted(len(CLASSES)))
    sizes: ClassVar = {"train": 20210, "val": 2000, "test": 3352}
    terms = "images: research and education alone; annotations: BSD (https://ade20k.csail.mit.edu/terms)"
    archives = (
        Archive(
            "ADEChallengeData2016.zip",
            (f"{FOLDER}/images", f"{FOLDER}/annotations"),
            f"{HOST}/ADEChallengeData2016.zip",
            "219e1696abb36c8ba3a3afe7fb2f4b4606a897c7",
        ),
        Archive(
            "release_test.zip",
            ("release_test/testing",),
            f"{HOST}/release_test.zip",
            "e05747892219d10e9243933371a497e905a4860c",
        ),
    )

    def splits(self) -> tuple[str, ...]:
        """Name the splits."""
        return (*PARTS, "test")

    def pairs(self, name: str) -> list[Pair]:
        """List a split."""
        self.require_split(name)
        if name == "test":
            folder = self.require(self.root / "release_test" / "testing")
            return [Pair(path, None) for path in list_images(folder)]
        return [pair for part in PARTS[name] for pair in self._part(part)]

    def _part(self, part: str) -> list[Pair]:
        images, masks = (self.require(self.root / FOLDER / kind / part) for kind in ("images", "annotations"))
        return [Pair(path, masks / f"{path.stem}.png") for path in list_images(images)]
