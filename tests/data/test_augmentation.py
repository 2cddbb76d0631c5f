"""The training crop has the paper's distribution, and is what the straightforward pipeline makes of the same draw."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFilter

from fastfcn.benchmarking.pillow import as_pictures, augment
from fastfcn.data.augmentation import Augmentation, ScaledCrop, blurred
from fastfcn.data.crop import Crop
from fastfcn.data.dataset import IGNORE, Example
from fastfcn.data.sampling import derive_seed


def smooth_example(height: int, width: int) -> Example:
    rng = np.random.default_rng(1)
    image, mask = (rng.integers(0, top, (height // 8, width // 8), dtype=np.uint8) for top in (255, 9))
    picture = Image.fromarray(image).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    return Example(np.array(picture), np.kron(mask, np.ones((8, 8), np.uint8)), "smooth")


def draws(transform: ScaledCrop, shape: tuple[int, int], count: int) -> list[Crop]:
    crops = []
    for place in range(count):
        transform.set_random_seed(derive_seed(0, 0, place))
        crops.append(transform.get_params_dependent_on_data({"shape": shape}, {})["crop"])
    return crops


@pytest.mark.parametrize("rotate", [0.0, 10.0])
def test_equals_the_straightforward_pipeline(rotate: float) -> None:
    example = smooth_example(120, 176)
    transform = ScaledCrop((40, 240), 100, flip=0.5, rotate=rotate)  # some are smaller than the crop
    for crop in draws(transform, (120, 176), 40):
        image, mask = (np.array(picture) for picture in augment(*as_pictures(example), crop, 100))
        inside = cv2.erode(mask, np.ones((3, 3))) == cv2.dilate(mask, np.ones((3, 3)))  # away from borders of labels
        ours = transform.apply(example.image, crop)
        assert np.abs(ours.astype(int) - image)[inside].mean() < 1
        assert (transform.apply_to_mask(example.mask, crop) == mask)[inside].mean() > 0.995
        assert ((ours == 0).all(-1) == (image == 0).all(-1)).mean() > 0.97


def test_scale_place_flip_turn_and_blur_are_uniform() -> None:
    transform = ScaledCrop((50, 200), 40, flip=0.5, blur=0.5, rotate=10.0)
    crops = draws(transform, (100, 150), 4000)
    short = np.array([crop.scaled[0] for crop in crops])
    assert (short.min(), short.max()) == (50, 200)
    assert short.mean() == pytest.approx(125, abs=2.5)
    assert short.std() == pytest.approx(151 / np.sqrt(12), abs=1.5)
    assert all(crop.scaled[1] == 150 * crop.scaled[0] // 100 for crop in crops)
    places = np.array([np.array(crop.start) / (np.array(crop.scaled) - 40) for crop in crops])
    assert places.mean(0) == pytest.approx([0.5, 0.5], abs=0.02)
    assert places.std(0) == pytest.approx([1 / np.sqrt(12)] * 2, abs=0.02)
    assert np.mean([crop.flip for crop in crops]) == pytest.approx(0.5, abs=0.03)
    angles = np.array([crop.angle for crop in crops])
    assert (angles.min(), angles.max()) == pytest.approx((-10, 10), abs=0.1)
    assert angles.mean() == pytest.approx(0, abs=0.4)
    sigmas = np.array([crop.sigma for crop in crops if crop.sigma])
    assert len(sigmas) / len(crops) == pytest.approx(0.5, abs=0.03)
    assert (sigmas.min(), sigmas.max()) == pytest.approx((0, 1), abs=0.01)
    assert sigmas.mean() == pytest.approx(0.5, abs=0.03)
    drawn = [(*crop.start / (np.array(crop.scaled) - 40), *_numbers(crop)) for crop in crops]
    correlation = np.corrcoef(np.array(drawn).T)
    assert np.abs(correlation - np.eye(6)).max() < 0.06


def _numbers(crop: Crop) -> tuple[float, ...]:
    return crop.scaled[0], crop.flip, crop.angle, crop.sigma > 0


def test_short_side_decides_whichever_it_is() -> None:
    for crop in draws(ScaledCrop((50, 200), 1000), (150, 100), 50):
        assert crop.scaled[0] == 150 * crop.scaled[1] // 100
        assert crop.size == crop.scaled
        assert (crop.flip, crop.angle, crop.sigma) == (False, 0, 0)


def test_blur_is_that_of_pillow() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)  # worse than any photograph
    noise[:20, :25] = 255 * rng.integers(0, 2, (20, 25, 3), dtype=np.uint8)
    changed, other = [], []
    for sigma in (*rng.random(300).tolist(), 1e-6):
        expected = np.array(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(sigma)))
        off = np.abs(blurred(noise, sigma).astype(int) - expected)
        assert off.max() <= 1, sigma
        changed.append((expected != noise).any())
        other.append(off.any())
    assert np.mean(changed) > 0.85
    assert np.mean(other) < 0.05  # of the rest every byte is equal


@pytest.mark.parametrize(
    ("sigma", "row"), [(0.0, [0, 255, 0]), (0.1, [0, 249, 0]), (0.2, [6, 237, 6]), (0.29, [10, 215, 10])]
)
def test_a_weak_blur_blurs(sigma: float, row: list[int]) -> None:
    point = np.zeros((9, 9, 3), np.uint8)
    point[4, 4] = 255
    assert blurred(point, sigma)[4, 3:6, 0].tolist() == row


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
    assert np.mean(blurred) == pytest.approx(0.5 * 0.89, abs=0.06)  # below a sigma of 0.11 bytes cannot hold it


def test_validation_takes_the_centre() -> None:
    augmentation = Augmentation(crop_size=20, base_size=40, scale=(0.5, 2.0), flip=0.5, blur=0.5, rotate=10.0)
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 16:64] = 255
    sample = augmentation.validate(Example(picture, np.zeros((40, 80), np.uint8), "bar"))
    assert sample.image.shape == (3, 20, 20)
    assert (sample.image == 255).all()


@pytest.mark.parametrize("upright", [False, True])
def test_the_centre_is_rounded_as_the_authors_round_it(upright: bool) -> None:
    augmentation = Augmentation(crop_size=12, base_size=12, scale=(1.0, 1.0), flip=0.0, blur=0.0)
    first = []
    for room in range(40):
        places = np.arange(12 + room, dtype=np.uint8)[None].repeat(12, 0)  # every pixel says where it is
        places = places.T if upright else places
        example = Example(np.ascontiguousarray(places[..., None].repeat(3, -1)), np.ascontiguousarray(places), "ruler")
        sample = augmentation.validate(example)
        assert (sample.image[0] == sample.mask).all()
        first.append(int(sample.mask[0, 0]))
        assert first[-1] == round(room / 2.0)
    assert first[:9] == [0, 0, 1, 2, 2, 2, 3, 4, 4]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop_size": 0}, "crop_size=0"),
        ({"scale": (2.0, 0.5)}, r"scale=\[2.0, 0.5\]"),
        ({"flip": 1.5}, "augmentation.flip is a probability from 0 to 1, got 1.5"),
        ({"rotate": -10}, "augmentation.rotate is the greatest turn in degrees, 0 to 180, got -10"),
    ],
)
def test_impossible_options_are_refused(change: dict, message: str) -> None:
    options = {"crop_size": 480, "base_size": 520, "scale": (0.5, 2.0), "flip": 0.5, "blur": 0.5}
    with pytest.raises(ValueError, match=message):
        Augmentation(**{**options, **change})
