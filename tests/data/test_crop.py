"""A crop costs what it keeps, and equals the crop of the whole image once scaled and turned, as Pillow does it."""

import cv2
import numpy as np
import pytest
from PIL import Image

from fastfcn.data.crop import GRID_TOLERANCE, Crop, _cut, crop_image, crop_mask
from fastfcn.data.dataset import IGNORE, Example, UInt8
from fastfcn.data.shapes import Shapes


@pytest.fixture(scope="module")
def scene() -> Example:
    """An image of 150 x 200 with sharp edges and noise."""
    example = Shapes(size=200, train_images=1).split("train")[0]
    return Example(example.image[:150], example.mask[:150], "scene")


def some_crops(count: int, *, angle: float = 0.0) -> list[Crop]:
    rng = np.random.default_rng(0)
    crops = []
    for _ in range(count):
        short = int(rng.integers(60, 450))  # 0.4 to 3 times the size
        scaled = (short, 200 * short // 150)
        size = (min(130, scaled[0]), min(130, scaled[1]))
        start = tuple(int(rng.integers(0, side - kept + 1)) for side, kept in zip(scaled, size, strict=True))
        crops.append(Crop(scaled, (start[0], start[1]), size, angle=float(rng.uniform(-angle, angle))))
    return crops


def whole(array: UInt8, crop: Crop, how: Image.Resampling, fill: int) -> UInt8:
    picture = Image.fromarray(array).resize(crop.scaled[::-1], how)
    if crop.angle:
        picture = picture.rotate(crop.angle, how, fillcolor=(fill,) * array.ndim if array.ndim == 3 else fill)
    top, left = crop.start
    return np.array(picture)[top : top + crop.size[0], left : left + crop.size[1]]


def test_equals_the_crop_of_the_whole_image(scene: Example) -> None:
    for crop in some_crops(100):
        image = whole(scene.image, crop, Image.Resampling.BILINEAR, 0)
        mask = whole(scene.mask, crop, Image.Resampling.NEAREST, IGNORE)
        assert crop_image(scene.image, crop).shape == (*crop.size, 3)
        assert np.abs(crop_image(scene.image, crop).astype(int) - image).mean() < 1
        np.testing.assert_array_equal(crop_mask(scene.mask, crop), mask)


@pytest.mark.parametrize("angle", [10.0, 180.0])
def test_equals_the_crop_of_the_whole_image_turned(scene: Example, angle: float) -> None:
    for crop in some_crops(60, angle=angle):
        image = whole(scene.image, crop, Image.Resampling.BILINEAR, 0)
        mask = whole(scene.mask, crop, Image.Resampling.NEAREST, IGNORE)
        inside = cv2.erode((mask != IGNORE).astype(np.uint8), np.ones((3, 3))) == 1  # border pixels blend into black
        assert np.abs(crop_image(scene.image, crop).astype(int) - image)[inside].mean() < 1
        assert (crop_mask(scene.mask, crop) == mask)[inside].mean() > 0.98


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = Crop((16, 16), (2, 3), (10, 10))
    assert np.abs(crop_image(stripes, crop).astype(int) - 100).max() <= 2


def test_an_unscaled_crop_is_exact(scene: Example) -> None:
    crop = Crop((150, 200), (11, 30), (70, 90))
    np.testing.assert_array_equal(crop_image(scene.image, crop), scene.image[11:81, 30:120])
    np.testing.assert_array_equal(crop_mask(scene.mask, crop), scene.mask[11:81, 30:120])


def test_what_turns_in_from_outside_is_black_and_ignored() -> None:
    crop = Crop((40, 40), (0, 0), (40, 40), angle=45.0)
    image = crop_image(np.full((40, 40, 3), 200, np.uint8), crop)
    mask = crop_mask(np.ones((40, 40), np.uint8), crop)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert (image[corner] == 0).all()
        assert mask[corner] == IGNORE
    assert (image[10:30, 10:30] == 200).all()
    assert (mask[10:30, 10:30] == 1).all()
    assert set(np.unique(mask)) == {1, IGNORE}


def test_source_is_cut_on_the_scaled_grid_and_not_much_beyond_the_crop() -> None:
    rng = np.random.default_rng(0)
    beyond = []
    for _ in range(500):
        source, scaled = int(rng.integers(50, 500)), int(rng.integers(50, 1500))
        size = min(480, scaled)
        start = int(rng.integers(0, scaled - size + 1))
        cut = _cut(source, scaled, start, size)
        factor = scaled / source
        begin = cut.first * factor
        assert abs(begin - (start - cut.skip)) <= GRID_TOLERANCE
        assert abs(begin + cut.length - cut.last * factor) <= 2 * GRID_TOLERANCE
        assert cut.skip >= 0
        assert cut.skip + size <= cut.length
        beyond.append(cut.length / size)
    assert np.mean(beyond) < 1.25
