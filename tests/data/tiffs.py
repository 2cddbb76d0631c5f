"""TIFFs of many kinds, and small folders of images of other channels than RGB."""

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

PLACE = (  # a pixel of half a metre in UTM zone 33
    (33550, 12, 3, (0.5, 0.5, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 500000.0, 4600000.0, 0.0), True),
    (34735, 3, 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633), True),
    (34737, 2, 0, "WGS 84 / UTM zone 33N|", True),
)
NO_DATA = (42113, 2, 0, "0", True)


def numbers(*shape: int, dtype: str = "uint16", seed: int = 0) -> np.ndarray:
    """Draw what an image of that type may hold."""
    return np.random.default_rng(seed).integers(0, 60000 if dtype == "uint16" else 200, shape).astype(dtype)


def write_many(root: Path, channels: int, dtype: str, *, train: int = 4, val: int = 2) -> Path:
    """Write images whose last channel tells the two classes, with masks."""
    for split, count in {"train": train, "val": val}.items():
        for index in range(count):
            mask = np.zeros((40, 48), np.uint8)
            mask[:, 12 + 6 * index :] = 1
            image = numbers(40, 48, channels, dtype="uint8", seed=index).astype(dtype)
            image[..., -1] += mask.astype(dtype) * 3000
            for name in ("images", "masks"):
                (root / name / split).mkdir(parents=True, exist_ok=True)
            way = {"photometric": "minisblack", "planarconfig": "contig"}
            tifffile.imwrite(root / f"images/{split}/{index}.tif", image.squeeze(), **way)
            Image.fromarray(mask).save(root / f"masks/{split}/{index}.png")
    (root / "classes.txt").write_text("ground\nwater\n")
    return root
