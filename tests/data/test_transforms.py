"""Transforms of albumentations beside the paper's augmentation: draws of their own, labels that stay labels."""

from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
import torch

from fastfcn.composition import build
from fastfcn.data.augmentation import Augmentation
from fastfcn.data.dataset import IGNORE, Example
from fastfcn.data.loading import TrainingLoader, TrainingSamples
from fastfcn.data.sampling import Place, TrainingBatches
from fastfcn.data.shapes import Shapes
from fastfcn.data.transforms import KNOWN
from fastfcn.data.workers import worker_options

INVERTED = {"InvertImg": {"p": 1}}
SOME = [{"ColorJitter": {"p": 1}}, {"GaussNoise": {"p": 0.5}}, {"Affine": {"rotate": 30}}, {"CoarseDropout": {"p": 1}}]


def augmentation(*extra: Any, **options: Any) -> Augmentation:
    sizes = {"crop_size": 48, "base_size": 40, "scale": [1.0, 1.0], "flip": 0.5, "blur": 0.5}
    node = {"_target_": "fastfcn.data.augmentation.Augmentation", **sizes, **options, "extra": list(extra)}
    built: Augmentation = build(node, "augmentation")
    return built


def noise(height: int = 40, width: int = 60, label: int = 7) -> Example:
    image = np.random.default_rng(0).integers(1, 255, (height, width, 3), dtype=np.uint8)
    return Example(image, np.full((height, width), label, np.uint8), "noise")


def test_the_crop_is_that_of_the_paper_and_the_padding_stays_black() -> None:
    paper, inverted = augmentation(scale=[0.5, 1.5]), augmentation(INVERTED, scale=[0.5, 1.5])
    whole = 0
    for seed in range(30):
        before, after = paper.train(noise(), seed), inverted.train(noise(), seed)
        inside = before.mask != IGNORE
        whole += bool(inside.all())
        assert torch.equal(after.mask, before.mask)
        assert torch.equal(after.image[:, inside], 255 - before.image[:, inside])
        assert not after.image[:, ~inside].any()
    assert 0 < whole < 30


def test_draws_are_independent_of_each_other_and_of_the_crop() -> None:
    halves = Example(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8), "halves")
    halves.image[:, :20] = 50

    def corner(*extra: str) -> np.ndarray:
        drawing = augmentation(*extra, blur=0.0)
        return np.array([int(drawing.train(halves, seed).image[0, 0, 0]) for seed in range(300)])

    once, twice = corner("InvertImg"), corner("InvertImg", "InvertImg")
    drawn = np.array([np.isin(once, (0, 255)), once > 128, (once > 128) ^ (twice > 128)])  # flip, first, second
    assert drawn.mean(1) == pytest.approx([0.5] * 3, abs=0.1)
    assert np.abs(np.corrcoef(drawn) - np.eye(3)).max() < 0.2


def test_what_is_drawn_in_arrays_is_independent_too() -> None:
    grey = Example(np.full((48, 48, 3), 128, np.uint8), np.zeros((48, 48), np.uint8), "grey")
    noisy = {"GaussNoise": {"std_range": [0.05, 0.05], "p": 1}}
    one, two = (
        augmentation(*[noisy] * count, base_size=48).train(grey, 0).image.numpy().astype(int) for count in (1, 2)
    )
    assert abs(np.corrcoef((one - 128).ravel(), (two - one).ravel())[0, 1]) < 0.05
    assert (two - one).std() == pytest.approx((one - 128).std(), rel=0.05)


@pytest.mark.filterwarnings("ignore::UserWarning")  # what albumentations thinks of some
@pytest.mark.parametrize(
    ("kind", "count"),
    [(A.DualTransform, 28), pytest.param(A.ImageOnlyTransform, 52, marks=pytest.mark.slow)],  # 3 s, the masks stay
)
def test_every_transform_leaves_labels_and_depends_on_the_seed_alone(kind: type, count: int) -> None:
    taken = 0
    for name in [name for name, each in KNOWN.items() if issubclass(each, kind)]:
        try:
            drawing = augmentation({name: {"p": 1}})
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017
            continue
        taken += 1
        example = noise()
        samples = [drawing.train(example, seed) for seed in (4, 3)]
        again = drawing.train(example, 4)
        assert all(map(torch.equal, again, samples[0])), name
        assert (again.image.shape, again.mask.shape, again.image.dtype) == ((3, 48, 48), (48, 48), torch.uint8)
        assert {*samples[1].mask.unique().tolist()} <= {7, IGNORE}, name
        assert (example.image == noise().image).all(), name
    assert taken == count  # the others want arguments, boxes or more images, or change size or type


def test_what_is_made_up_or_painted_over_is_ignored() -> None:
    holes = {"fill": 0, "p": 1, "hole_height_range": [0.3, 0.3], "hole_width_range": [0.3, 0.3]}
    square = noise(48, 48)
    for extra in ({"CoarseDropout": holes}, {"Affine": {"rotate": [40, 40], "p": 1}}, {"GridDropout": {"p": 1}}):
        sample = augmentation(extra, base_size=48, blur=0.0).train(square, 1)
        hidden = (sample.image == 0).all(0)
        assert 100 < hidden.sum() < 1500
        border = cv2.dilate(hidden.numpy().astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # a turn blends it
        assert not ((sample.mask == IGNORE) & ~torch.from_numpy(border)).any()
        assert ((sample.mask == IGNORE) == hidden).float().mean() > 0.97
    kept = augmentation({"CoarseDropout": {**holes, "fill_mask": None}}, base_size=48).train(square, 1)
    assert (kept.mask == 7).all()


def test_quarter_turns_fit_crops_that_are_not_square() -> None:
    turned = augmentation({"Transpose": {"p": 1}}, base_size=24, blur=0.0).train(noise(24, 36), 0)
    assert (turned.mask[:36, :24] == 7).all()
    assert (turned.mask == 7).sum() == 36 * 24


def test_workers_and_a_resumed_run_make_the_same_crops() -> None:
    samples = TrainingSamples(Shapes(size=48, train_images=8).split("train"), augmentation(*SOME))

    def batches(workers: int, batch: int) -> list[torch.Tensor]:
        places = TrainingBatches(8, batch_size=2, seed=0, place=Place(batch=batch))
        return [torch.cat([batch.image, batch.mask[:, None]], 1) for batch in TrainingLoader(
            samples, batch_sampler=places, **worker_options(workers))]  # fmt: skip

    whole = batches(0, 0)
    assert all(map(torch.equal, batches(2, 0), whole))
    assert all(map(torch.equal, batches(0, 2), whole[2:]))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("ColorJiter", r"extra.0 must be a transform of albumentations 2.* \(did you mean ColorJitter\?\)"),
        ("os.system", "must be a transform of albumentations 2[^(]*, got os.system"),
        ({"ColorJitter": {"brigtness": 0.3}}, r"brigtness is none \(did you mean brightness\?\)"),
        ({"_target_": "albumentations.CLAHE", "p": 1}, "NAME or {NAME: {ARGUMENT: VALUE}}"),
        ({"CLAHE": {"p": {"_target_": "os.mknod"}}}, "takes plain values, and no _target_=os.mknod"),
        ({"CLAHE": 3}, "NAME or {NAME: {ARGUMENT: VALUE}}"),
        (3, "NAME or {NAME: {ARGUMENT: VALUE}}"),
        ("Lambda", "another transform than Lambda, which takes functions"),
        ("Morphological", "which grows classes by their numbers"),
        ({"ColorJitter": {"brightness": "much"}}, "ColorJitter does not take .*'much'}: brightness Input should be"),
        ({"ColorJitter": {"p": 2}}, "p Input should be less than or equal to 1"),
        ("Resize", "Resize does not take {}: height Field required"),
        ({"Resize": {"height": 48, "width": 48}}, r"makes \(48, 48, 3\) values of uint8 of a crop of"),
        ({"RandomCrop": {"height": 40, "width": 48}}, "RandomCrop fails on a crop of .48, 40., which base_size and"),
        ("Normalize", "values of float32 of a crop"),
        ("ToTensorV2", "values of torch.uint8 of a crop"),
        ({"Affine": {"rotate": 45, "mask_interpolation": 1}}, "Affine writes labels into a mask that it did not hold"),
        ({"CoarseDropout": {"fill_mask": 11}}, r"did not hold, \[11\]; .* or fill with 255"),
        ("FDA", "FDA requires"),
    ],
)
def test_what_cannot_be_added_is_refused_in_one_line(extra: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as info:
        augmentation(extra)
    assert "\n" not in str(info.value)
    assert str(info.value).startswith("augmentation.extra")
