"""Large JPEGs of which training reads no more pixels than its crop's scale asks for."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from fastfcn.data.augmentation import Augmentation
from fastfcn.data.dataset import Example, LargeExample
from fastfcn.data.folder import Folder
from fastfcn.data.images import jpeg_size, read_image
from fastfcn.data.loading import EvaluationSamples, TrainingSamples
from fastfcn.data.windowed import Reducible
from tests.data.test_folder import write_dataset

HEIGHT, WIDTH = 600, 800


def picture(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A smooth picture with edges, different in all directions."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([rows * 255 // height, columns * 255 // width, 60 + 90 * (rows > columns)], -1)
    return image.astype(np.uint8)


def save(path: Path, pixels: np.ndarray, *, orientation: int = 1) -> Path:
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, quality=95, exif=exif)
    return path


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize(("part", "enough"), [(1, (301, 150)), (2, (300, 220)), (4, (110, 150)), (8, (9, 9))])
def test_a_jpeg_is_read_at_the_part_of_its_size_that_is_enough(
    part: int, enough: tuple[int, int], upright: bool, orientation: int, tmp_path: Path
) -> None:
    path = save(tmp_path / "a.jpg", picture(), orientation=orientation)
    whole = read_image(path, upright=upright)
    assert jpeg_size(path, upright=upright) == whole.shape[:2]
    wanted = enough if whole.shape[0] < whole.shape[1] else enough[::-1]
    reduced = read_image(path, upright=upright, enough=wanted)
    assert reduced.shape == (whole.shape[0] // part, whole.shape[1] // part, 3)
    expected = cv2.resize(whole, reduced.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(float) - expected).mean() < 1.5


def test_what_is_no_jpeg_is_read_whole(tmp_path: Path) -> None:
    Image.fromarray(picture()).save(tmp_path / "a.png")
    assert jpeg_size(tmp_path / "a.png") is None
    assert read_image(tmp_path / "a.png", enough=(9, 9)).shape == (HEIGHT, WIDTH, 3)


def augmentation(short_side: int, *, reduced: bool) -> Augmentation:
    return Augmentation(
        crop_size=64, base_size=short_side, scale=(1.0, 1.0), flip=0.5, blur=0.5, rotate=10.0, reduced=reduced
    )


@pytest.fixture
def data(tmp_path: Path) -> Folder:
    """Photographs taken upright, so stored lying, beside masks as they are seen."""
    root = write_dataset(tmp_path)
    for split in ("train", "val"):
        for path in (root / "images" / split).iterdir():
            path.unlink()
        for path in (root / "masks" / split).iterdir():
            save(root / "images" / split / f"{path.stem}.jpg", picture(), orientation=6)
            Image.fromarray(np.arange(WIDTH * HEIGHT).reshape(WIDTH, HEIGHT).astype(np.uint8) % 2).save(path)
    return Folder(root=str(root))


@pytest.mark.parametrize(("short_side", "decoded"), [(70, (100, 75)), (151, (400, 300)), (301, (800, 600))])
def test_crops_are_those_of_whole_images_but_for_the_decoding(
    short_side: int, decoded: tuple[int, int], data: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[tuple[int, ...]] = []

    def noted(path: Path, **options: object) -> np.ndarray:
        pixels = read_image(path, **options)
        read.append(pixels.shape[:2])
        return pixels

    monkeypatch.setattr("fastfcn.data.bands.read_image", noted)
    split = data.split("train")
    for seed in range(4):
        whole = augmentation(short_side, reduced=False).train(split.open(0), seed)
        ours = TrainingSamples(split, augmentation(short_side, reduced=True)).split.open(0, reduced=True)
        assert isinstance(ours, LargeExample)
        sample = augmentation(short_side, reduced=True).train(ours, seed)
        assert torch.equal(sample.mask, whole.mask)
        difference = (sample.image.float() - whole.image.float()).abs()
        assert difference.mean() < 3.0
        assert (decoded == (WIDTH, HEIGHT)) == (difference.max() == 0)
    assert set(read) == {(WIDTH, HEIGHT), decoded}


def test_training_reads_less_and_validation_does_not(data: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    split = data.split("train")
    monkeypatch.setattr(split, "open", lambda index, *, reduced=False: opened.append(reduced) or split[index])
    for reduced in (False, True):
        changes = augmentation(70, reduced=reduced)
        EvaluationSamples(split, changes.validate)[0]
        draw = type("Draw", (), {"index": 0, "seed": 0})
        TrainingSamples(split, changes)[draw]  # type: ignore[index]
    assert opened == [False, False, False, True]


def test_an_image_that_can_be_reduced_is_whole_where_all_of_it_is_asked_for(data: Folder) -> None:
    split = data.split("train")
    example = split.open(0, reduced=True)
    assert isinstance(example, LargeExample)
    assert isinstance(example.image, Reducible)
    whole: Example = example.whole()
    np.testing.assert_array_equal(whole.image, split[0].image)
    assert example.image.shape == whole.image.shape
