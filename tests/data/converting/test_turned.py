"""Images that EXIF turns: whatever their labels were drawn on, image and mask fit once converted."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fastfcn.data.folder import Folder
from tests.data.converting.exports import converted, grid, mask


@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize(("turn", "side"), [*((turn, (8, 12)) for turn in range(1, 9)), (6, (8, 8))])
def test_masks_fit_what_is_seen(turn: int, upright: bool, side: tuple[int, int], tmp_path: Path) -> None:
    values = grid(inside=255)[: side[0], : side[1]]
    stored = Image.fromarray(np.repeat(values[..., None], 3, 2))
    (tmp_path / "source/images").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = turn
    stored.save(tmp_path / "source/images/a.png", exif=exif)
    seen = as_seen(tmp_path / "source/images/a.png")
    mask(tmp_path / "source/masks/a.png", seen if upright else values)
    converted("masks", tmp_path / "source", tmp_path / "out", upright=upright, classes={0: "a", 255: "b"})
    example = Folder(root=str(tmp_path / "out")).split("train")[0]
    np.testing.assert_array_equal(example.mask * 255, example.image[..., 0])


def as_seen(path: Path) -> np.ndarray:

    with Image.open(path) as picture:
        return np.array(ImageOps.exif_transpose(picture))[..., 0]
