"""Folds of a folder's images, for cross-validation."""

import numpy as np

from fastfcn.data.converting.splitting import divide, groups_of
from fastfcn.data.dataset import IGNORE
from fastfcn.data.folder import Folder
from fastfcn.data.folds import FOLDS, write_folds
from fastfcn.data.pairs import FileData, Pair
from fastfcn.data.preparing.masks import in_parallel
from fastfcn.data.preparing.verify import check_of, check_pair


def make_folds(data: FileData, folds: int, *, group: str | None, seed: int, workers: int) -> None:
    """Divide the images to train and to validate with, and write a list of each fold.

    Groups stay together, and rare classes are in every fold where they can be. Raises ValueError for a faulty file, or
    data that is no folder of one's own.
    """
    if not isinstance(data, Folder):
        raise ValueError(f"folds={folds} divides a folder of your own: data=folder")
    pooled: list[tuple[str, Pair]] = []
    for split in dict.fromkeys((data.train_split, data.val_split)):
        if (data.root / "images" / split).is_dir():
            pooled += [(split, pair) for pair in data.pairs(split)]
    images = [(split, pair.image.name) for split, pair in pooled]
    checks = [check_of(data, pair) for _, pair in pooled]
    present = []
    for checked in in_parallel(check_pair, checks, description="reading masks", workers=workers):
        if checked.faults or checked.pixels is None:
            raise ValueError(f"{'; '.join(checked.faults)}; verify=true finds all faults")
        present.append(checked.pixels[:IGNORE] > 0)
    groups = groups_of(["/".join(each) for each in images], group)
    parts = divide(groups, np.array(present, np.int64), [1 / folds] * folds, seed=seed)
    write_folds(data.root, images, parts)
    sizes = ", ".join(map(str, np.bincount(parts)))
    print(f"{len(images)} images in {folds} folds of {sizes}, listed in {data.root / FOLDS}; data.fold=0 is the first")
