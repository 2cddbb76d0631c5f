"""2000 draws of the training augmentation against the authors' recipe, written out with Pillow on whole images."""

import random
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from fastfcn.data.augmentation import Augmentation, ScaledCrop
from fastfcn.data.crop import Crop
from fastfcn.data.dataset import IGNORE, Example, UInt8
from fastfcn.data.sampling import derive_seed

DRAWS = 2000
BASE, CROP = 52, 48
SIZES = ((72, 96), (90, 66), (60, 60), (49, 113))
KOLMOGOROV = 1.63 * (2 / DRAWS) ** 0.5  # two samples of one distribution are further apart once in a hundred


@dataclass(frozen=True)
class Draw:
    """What the authors' code draws: flip, scaled size, corner of the crop in the padded image, radius of the blur."""

    flip: bool
    size: tuple[int, int]  # height, width
    corner: tuple[int, int]  # top, left
    radius: float | None


def authors_draw(rng: random.Random, height: int, width: int) -> Draw:
    flip = rng.random() < 0.5
    short = rng.randint(int(BASE * 0.5), int(BASE * 2.0))
    size = (int(1.0 * height * short / width), short) if height > width else (short, int(1.0 * width * short / height))
    corner = (rng.randint(0, max(size[0], CROP) - CROP), rng.randint(0, max(size[1], CROP) - CROP))
    return Draw(flip, size, corner, rng.random() if rng.random() < 0.5 else None)


def authors_crop(image: Image.Image, mask: Image.Image, draw: Draw) -> tuple[UInt8, UInt8]:
    if draw.flip:
        image, mask = (each.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for each in (image, mask))
    image = image.resize(draw.size[::-1], Image.Resampling.BILINEAR)
    mask = mask.resize(draw.size[::-1], Image.Resampling.NEAREST)
    missing = (0, 0, max(CROP - draw.size[1], 0), max(CROP - draw.size[0], 0))
    image, mask = ImageOps.expand(image, missing, fill=0), ImageOps.expand(mask, missing, fill=IGNORE)
    top, left = draw.corner
    box = (left, top, left + CROP, top + CROP)
    image, mask = image.crop(box), mask.crop(box)
    if draw.radius is not None:
        image = image.filter(ImageFilter.GaussianBlur(radius=draw.radius))
    return np.array(image), np.array(mask)


def as_draw(crop: Crop) -> Draw:
    """One of the suite's draws in the authors' terms: they mirror the image first."""
    (top, left), width = crop.start, crop.scaled[1]
    if crop.flip:
        left = width - crop.size[1] - left
    return Draw(crop.flip, crop.scaled, (top, left), crop.sigma or None)


def photograph(height: int, width: int) -> Example:
    """Colours that change smoothly, with a few sharp edges, and labels in blocks."""
    rng = np.random.default_rng(height)
    colours = Image.fromarray(rng.integers(0, 256, (height // 6, width // 6, 3), dtype=np.uint8))
    image = np.array(colours.resize((width, height), Image.Resampling.BICUBIC))
    image[height // 3 : height // 2, width // 4 : width // 2] = (250, 20, 90)
    labels = np.kron(rng.integers(0, 9, (height // 7 + 1, width // 7 + 1), dtype=np.uint8), np.ones((7, 7), np.uint8))
    return Example(image, np.ascontiguousarray(labels[:height, :width]), "photograph")


def recipe() -> ScaledCrop:
    options = Augmentation(crop_size=CROP, base_size=BASE, scale=(0.5, 2.0), flip=0.5, blur=0.5)
    transform: ScaledCrop = options.training.transforms[0]
    return transform


def suite_draws(height: int, width: int, count: int) -> list[Crop]:
    transform, crops = recipe(), []
    for place in range(count):
        transform.set_random_seed(derive_seed(3, 0, place))
        crops.append(transform.get_params_dependent_on_data({"shape": (height, width)}, {})["crop"])
    return crops


def test_crops_equal_the_authors() -> None:
    transform = recipe()
    means, other_labels = [], []
    for size in SIZES:
        example = photograph(*size)
        pictures = Image.fromarray(example.image), Image.fromarray(example.mask)
        for crop in suite_draws(*size, DRAWS // len(SIZES)):
            image, mask = authors_crop(*pictures, as_draw(crop))
            off = np.abs(transform.apply(example.image, crop).astype(int) - image)
            assert off.max() <= 8, crop
            assert off.mean() < 0.6, crop
            differing = (transform.apply_to_mask(example.mask, crop) != mask).mean()
            assert crop.flip or differing == 0, crop
            means.append(off.mean())
            other_labels.append(differing)
    assert len(means) == DRAWS
    assert np.mean(means) < 0.2
    assert np.mean(other_labels) < 0.002  # ties of a mirror image fall to the other side


@pytest.mark.parametrize("size", [(72, 96), (90, 66)])
def test_draws_have_the_authors_distribution(size: tuple[int, int]) -> None:
    rng = random.Random(0)
    theirs = [authors_draw(rng, *size) for _ in range(DRAWS)]
    ours = [as_draw(crop) for crop in suite_draws(*size, DRAWS)]
    assert {draw.size for draw in ours} == {draw.size for draw in theirs}  # 79 short sides, all of them drawn
    for name, one, other in zip(("scale", "top", "left", "radius"), numbers(ours), numbers(theirs), strict=True):
        assert apart(one, other) < KOLMOGOROV, name
    for share in (lambda draw: draw.flip, lambda draw: draw.radius is not None):
        assert np.mean([share(draw) for draw in ours]) == pytest.approx(0.5, abs=0.03)
        assert np.mean([share(draw) for draw in theirs]) == pytest.approx(0.5, abs=0.03)
    for draw in ours:
        assert all(0 <= at <= max(side, CROP) - CROP for at, side in zip(draw.corner, draw.size, strict=True))


def numbers(draws: list[Draw]) -> tuple[list[float], ...]:
    """Scaled height; the corner's place within its room, down and across, where there is any; radius."""
    places = [
        [draw.corner[side] / (draw.size[side] - CROP) for draw in draws if draw.size[side] > CROP] for side in (0, 1)
    ]
    return [draw.size[0] for draw in draws], *places, [draw.radius for draw in draws if draw.radius is not None]


def apart(one: list[float], other: list[float]) -> float:
    """The largest difference of two samples' distribution functions, for samples of DRAWS."""
    grid = np.array(sorted({*one, *other}))
    shares = [np.searchsorted(np.sort(sample), grid, side="right") / len(sample) for sample in (one, other)]
    smaller = min(len(one), len(other)) / DRAWS
    return float(np.abs(shares[0] - shares[1]).max() * smaller**0.5)
