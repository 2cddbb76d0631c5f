"""`cityscapes`: fine annotations of street scenes, 19 classes (arXiv:1604.01685)."""

from pathlib import Path
from typing import ClassVar

from fastfcn.data.dataset import IGNORE
from fastfcn.data.labels import Labels
from fastfcn.data.pairs import Pair
from fastfcn.data.palette import read_legend
from fastfcn.data.preparing.archive import Archive
from fastfcn.data.public import PublicData

CLASSES, PALETTE = read_legend("cityscapes")
RAW_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)  # of the classes, in their order
RAW_COUNT = 34
IMAGE, MASK = "_leftImg8bit.png", "_gtFine_labelIds.png"
ACCOUNT = "free for research, behind an account: register and accept the terms at https://www.cityscapes-dataset.com"


class Cityscapes(PublicData):
    """Splits train, val and test, which has images alone; raw ids that are no class, and 255, are ignored."""

    name = "cityscapes"
    classes = CLASSES
    palette = PALETTE
    labels = Labels({**dict.fromkeys((*range(RAW_COUNT), IGNORE), IGNORE), **{id_: i for i, id_ in enumerate(RAW_IDS)}})
    sizes: ClassVar = {"train": 2975, "val": 500, "test": 1525}
    terms = ACCOUNT
    archives = (
        Archive("leftImg8bit_trainvaltest.zip", ("leftImg8bit/train", "leftImg8bit/val", "leftImg8bit/test")),
        Archive("gtFine_trainvaltest.zip", ("gtFine/train", "gtFine/val")),
    )

    def splits(self) -> tuple[str, ...]:
        """Name the splits."""
        return ("train", "val", "test")

    def pairs(self, name: str) -> list[Pair]:
        """List a split, whose images lie in a folder a city."""
        self.require_split(name)
        images = self.require(self.root / "leftImg8bit" / name)
        return [
            Pair(path, self._mask(name, path.parent.name, path.name.removesuffix(IMAGE)))
            for path in sorted(images.glob(f"*/*{IMAGE}"))
        ]

    def _mask(self, split: str, city: str, stem: str) -> Path | None:
        return None if split == "test" else self.root / "gtFine" / split / city / f"{stem}{MASK}"
