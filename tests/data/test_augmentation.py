"""The training crop has the paper's distribution, and is the crop of the resized image."""

import numpy as np
import pytest
from PIL import Image

from fastfcn.data.augmentation import Augmentation, ScaledCrop
from fastfcn.data.dataset import IGNORE, Example


def smooth_picture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    coarse = Image.fromarray(rng.integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8))
    return np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))


def test_crop_equals_the_crop_of_the_resized_image() -> None:
    image = smooth_picture(120, 176)
    for seed in range(20):
        transform = ScaledCrop((60, 240), 64)
        transform.set_random_seed(seed)
        draw = transform.get_params_dependent_on_data({"shape": image.shape}, {})
        crop = transform.apply(image, **draw)
        width, height = draw["size"]
        left, top, right, bottom = draw["box"]
        factor_x, factor_y = width / (right - left), height / (bottom - top)
        scaled = (round(176 * factor_x), round(120 * factor_y))
        whole = Image.fromarray(image).resize(scaled, Image.Resampling.BILINEAR)
        x, y = round(left * factor_x), round(top * factor_y)
        reference = np.array(whole)[y : y + height, x : x + width]
        assert np.abs(crop.astype(int) - reference).mean() < 1


def test_short_side_is_uniform_over_the_range() -> None:
    transform = ScaledCrop((50, 200), 1000)
    sides = []
    for seed in range(2000):
        transform.set_random_seed(seed)
        width, height = transform.get_params_dependent_on_data({"shape": (100, 150, 3)}, {})["size"]
        assert width == 150 * height // 100
        sides.append(height)
    assert min(sides) <= 52
    assert max(sides) >= 198
    assert np.mean(sides) == pytest.approx(125, abs=4)


def test_small_images_are_padded_right_and_bottom() -> None:
    augmentation = Augmentation(crop_size=64, base_size=32, scale=(1.0, 1.0), flip=0.0, blur=0.0)
    example = Example(np.full((40, 60, 3), 200, np.uint8), np.ones((40, 60), np.uint8), "white")
    sample = augmentation.train(example, seed=0)
    assert sample.image.shape == (3, 64, 64)
    assert (sample.image[:, :32, :48] == 200).all()
    assert (sample.image[:, 32:] == 0).all()
    assert (sample.image[:, :, 48:] == 0).all()
    assert (sample.mask[:32, :48] == 1).all()
    assert (sample.mask[32:] == IGNORE).all()
    assert (sample.mask[:, 48:] == IGNORE).all()


def test_the_seed_decides_the_crop_and_half_are_flipped() -> None:
    augmentation = Augmentation(crop_size=16, base_size=16, scale=(1.0, 1.0), flip=0.5, blur=0.5)
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, :8] = 255
    example = Example(picture, np.zeros((16, 16), np.uint8), "half")
    assert (augmentation.train(example, 5).image == augmentation.train(example, 5).image).all()
    flipped = [bool(augmentation.train(example, seed).image[0, 8, 0] < 128) for seed in range(400)]
    assert np.mean(flipped) == pytest.approx(0.5, abs=0.1)
    blurred = [len(augmentation.train(example, seed).image.unique()) > 2 for seed in range(400)]
    assert np.mean(blurred) == pytest.approx(0.5, abs=0.12)


def test_validation_takes_the_centre() -> None:
    augmentation = Augmentation(crop_size=20, base_size=40, scale=(0.5, 2.0), flip=0.5, blur=0.5)
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 16:64] = 255
    sample = augmentation.validate(Example(picture, np.zeros((40, 80), np.uint8), "bar"))
    assert sample.image.shape == (3, 20, 20)
    assert (sample.image == 255).all()


def test_impossible_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match="crop_size=0"):
        Augmentation(crop_size=0, base_size=520, scale=(0.5, 2.0), flip=0.5, blur=0.5)
    with pytest.raises(ValueError, match=r"scale=\[2.0, 0.5\]"):
        Augmentation(crop_size=480, base_size=520, scale=(2.0, 0.5), flip=0.5, blur=0.5)
