"""Images that do not fit in memory: crops read the tiles that they touch, and equal those of the whole image."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from fastfcn.data import bands, pairs
from fastfcn.data.augmentation import Augmentation
from fastfcn.data.dataset import Example, LargeExample
from fastfcn.data.folder import Folder
from fastfcn.data.labelled import SCORING, require_labelled
from fastfcn.data.measuring import measure
from fastfcn.data.preparing.verify import check_files
from fastfcn.data.tiff import Tiff
from tests.data.tiffs import numbers

SIDE, TILE = 320, 32


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("large")
    tiled = {"tile": (TILE, TILE), "compression": "zlib", "photometric": "minisblack"}
    for split in ("train", "val"):
        (root / "images" / split).mkdir(parents=True)
        (root / "masks" / split).mkdir(parents=True)
        image = numbers(SIDE, SIDE + 40, 4)
        tifffile.imwrite(root / f"images/{split}/a.tif", image, planarconfig="contig", **tiled)
        tifffile.imwrite(root / f"masks/{split}/a.tif", (image[..., 0] > 30000).astype(np.uint8), **tiled)
    (root / "classes.txt").write_text("ground\nwater\n")
    return root


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have images of more than a thousand pixels be large."""
    for module in (bands, pairs):
        monkeypatch.setattr(module, "LARGE", 1000)


def folder(root: Path, **options: object) -> Folder:
    return Folder(root=str(root), channels=4, range=[0, 60000], **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("base", "scale"), [("own", (1.0, 1.0)), ("own", (0.5, 2.0)), (200, (0.5, 2.0))])
def test_crops_equal_those_of_the_whole_image(root: Path, small, base, scale) -> None:
    split = folder(root).split("train")
    large, whole = split.open(0), split[0]
    assert isinstance(large, LargeExample)
    augmentation = Augmentation(crop_size=48, base_size=base, scale=scale, flip=0.5, blur=0.5, rotate=10.0)
    for seed in range(5):
        sample = augmentation.train(large, seed)
        crop = augmentation.training.transforms[0].params["crop"]
        scaled = augmentation.training.transforms[0]
        torch.testing.assert_close(sample.image, torch.from_numpy(scaled.apply(whole.image, crop)).permute(2, 0, 1))
        assert torch.equal(sample.mask, torch.from_numpy(scaled.apply_to_mask(whole.mask, crop)))
    for one, other in zip(augmentation.validate(large), augmentation.validate(whole), strict=True):
        assert torch.equal(one, other)


def test_a_crop_reads_the_tiles_that_it_touches_and_no_more(root: Path, small, decoded: list[int]) -> None:
    augmentation = Augmentation(crop_size=48, base_size="own", scale=(1.0, 1.0), flip=0.0, blur=0.0)
    large = folder(root).split("train").open(0)
    augmentation.train(large, 0)
    crop = augmentation.training.transforms[0].params["crop"]
    down, across = ((start + 48 + 1) // TILE - (start - 1) // TILE + 1 for start in crop.start)
    assert 0 < len(decoded) <= 2 * down * across < 40  # of 220, of image and mask
    decoded.clear()
    augmentation.train(large, 0)
    assert decoded == []  # they are kept for a while


def test_the_validation_crop_is_of_the_images_own_scale(root: Path) -> None:
    whole = folder(root).split("val")[0]
    augmentation = Augmentation(crop_size=48, base_size="own", scale=(0.5, 2.0), flip=0.0, blur=0.0)
    top, left = round((SIDE - 48) / 2), round((SIDE + 40 - 48) / 2)
    expected = whole.image[top : top + 48, left : left + 48]
    np.testing.assert_array_equal(augmentation.validate(whole).image.permute(1, 2, 0).numpy(), expected)


def test_it_is_measured_verified_and_counted_by_parts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [root / "images/train/a.tif"]
    measured = [measure(paths, bands.Bands.of(4, "measured", None), upright=True)]
    for module in (bands, pairs):
        monkeypatch.setattr(module, "LARGE", 1000)
    monkeypatch.setattr("fastfcn.data.windowed.BLOCK", 5000)
    measured.append(measure(paths, bands.Bands.of(4, "measured", None), upright=True))
    assert measured[0].bands == measured[1].bands
    np.testing.assert_allclose(measured[0].mean, measured[1].mean, atol=1e-6)
    data = folder(root)
    assert check_files(data, workers=1).faults == []
    require_labelled(data, "train", SCORING)
    monkeypatch.setattr(pairs, "read_indices", None)  # which would read it whole
    split = data.split("train")
    assert sum(part.size for part in split.mask_parts(0)) == SIDE * (SIDE + 40)


def test_a_mask_that_does_not_fit_is_named(root: Path, small, tmp_path: Path) -> None:
    for name in ("images/train", "masks/train"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("ground\nwater\n")
    image = (root / "images/train/a.tif").read_bytes()
    (tmp_path / "images/train/a.tif").write_bytes(image)
    mask = tmp_path / "masks/train/a.tif"
    crop = Augmentation(crop_size=48, base_size="own", scale=(1.0, 1.0), flip=0.0, blur=0.0).train
    for values, told in (
        (np.zeros((SIDE, 40), np.uint8), "is 40x320 but its image a.tif is 360x320"),
        (np.full((SIDE, SIDE + 40), 7, np.uint8), "holds the value 7"),
        (np.zeros((SIDE, SIDE + 40), np.float32), "has 1 channels of float32, not class indices"),
    ):
        tifffile.imwrite(mask, values, photometric="minisblack", tile=(TILE, TILE))
        with pytest.raises(ValueError, match=told):
            crop(folder(tmp_path).split("train").open(0), 0)


def test_what_cannot_be_read_by_parts_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", numbers(64, 64, dtype="uint8"), photometric="minisblack", rowsperstrip=64)
    monkeypatch.setattr("fastfcn.data.tiff.MOST_OF_SEGMENT", 1000)
    with pytest.raises(ValueError, match="are read whole; save it tiled"):
        Tiff(tmp_path / "a.tif")
    monkeypatch.undo()
    monkeypatch.setattr("fastfcn.data.tiff.MOST_PIXELS", 1000)
    with pytest.raises(ValueError, match="more than the 0 that are read at once"):
        Tiff(tmp_path / "a.tif").whole()


def test_examples_that_fit_are_opened_as_ever(root: Path) -> None:
    assert isinstance(folder(root).split("train").open(0), Example)
