"""The generated set makes the method matter."""

import numpy as np
import pytest
import torch

from fastfcn.data.shapes import AMBIGUOUS, CLASSES, HARBOUR, PARK, Scene, Shapes
from fastfcn.metrics import summarise


def test_an_example_follows_from_seed_split_and_index() -> None:
    first, again, other_seed = (Shapes(seed=seed).split("train")[3] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    assert not np.array_equal(first.image, other_seed.image)
    assert not np.array_equal(first.image, Shapes().split("val")[3].image)


def test_every_class_occurs_and_the_commonest_alone_scores_little() -> None:
    split = Shapes().split("val")
    counts = sum(np.bincount(split[index].mask.ravel(), minlength=len(CLASSES)) for index in range(100))
    assert len(CLASSES) >= 10
    assert (counts > 0).all()
    assert summarise(torch.diag(torch.from_numpy(counts))).majority_miou < 0.10


def test_the_same_object_is_another_class_in_another_scene() -> None:
    """A park never holds the objects of a harbour, nor the other way round."""
    seen: dict[int, set[int]] = {PARK: set(), HARBOUR: set()}
    for seed in range(60):
        scene = Scene(np.random.default_rng(seed), 96)
        seen[scene.kind] |= set(np.unique(scene.mask).tolist())
    for in_park, in_harbour in AMBIGUOUS:
        assert CLASSES.index(in_park) in seen[PARK] - seen[HARBOUR]
        assert CLASSES.index(in_harbour) in seen[HARBOUR] - seen[PARK]


def test_only_the_backdrop_tells_the_scenes_apart() -> None:
    """The mean colour of the pixels of an ambiguous object, or of the pavement, is the same in both scenes."""
    split = Shapes(train_images=600).split("train")
    colours: dict[str, list[np.ndarray]] = {name: [] for name in CLASSES}
    for index in range(600):
        example = split[index]
        for value in np.unique(example.mask):
            colours[CLASSES[value]].append(example.image[example.mask == value].mean(0))
    for in_park, in_harbour in AMBIGUOUS:
        park, harbour = (np.mean(colours[name], axis=0) for name in (in_park, in_harbour))
        np.testing.assert_allclose(park, harbour, atol=20)
    backdrop = [np.mean(colours[name], axis=0) for name in ("hedge", "sea")]
    assert np.abs(backdrop[0] - backdrop[1]).max() > 50


def test_poles_and_wires_are_thinner_than_a_cell_of_stride_8() -> None:
    split = Shapes().split("val")
    for name in ("pole", "wire"):
        axis = 1 if name == "pole" else 0  # across the line
        widths = []
        for index in range(30):
            line = split[index].mask == CLASSES.index(name)
            across = line.sum(axis=axis)
            runs = np.diff(np.pad(line, 1).astype(int), axis=axis).clip(min=0).sum(axis=axis)[1:-1]
            widths += list(across[runs > 0] / runs[runs > 0])
        assert np.median(widths) <= 4


def test_unknown_split_and_root() -> None:
    with pytest.raises(ValueError, match="no split 'holdout'; choose one of train, val, test"):
        Shapes().split("holdout")
    with pytest.raises(ValueError, match=r"leave out data.root=/data"):
        Shapes(root="/data")
