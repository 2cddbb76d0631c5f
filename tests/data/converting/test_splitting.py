"""Splits that the source has not."""

from pathlib import Path

import numpy as np
import pytest

from fastfcn.data.converting.splitting import divide, groups_of
from tests.data.converting.exports import converted, grid, image, mask


def test_a_rare_class_is_in_every_part_and_shares_are_kept() -> None:
    present = np.ones((100, 3), np.int64)
    present[:, 1] = np.arange(100) % 10 == 0  # ten images
    present[:, 2] = np.arange(100) >= 97  # three
    for seed in range(5):
        parts = np.array(divide([str(number) for number in range(100)], present, [0.6, 0.2, 0.2], seed=seed))
        assert np.bincount(parts).tolist() == [60, 20, 20]
        assert np.bincount(parts[present[:, 1] > 0]).tolist() == [6, 2, 2]
        assert (np.bincount(parts[present[:, 2] > 0], minlength=3) > 0).sum() >= 2


def test_the_seed_alone_decides() -> None:
    names, present = [str(number) for number in range(30)], np.ones((30, 1), np.int64)
    first = divide(names, present, [0.8, 0.2], seed=0)
    assert divide(names, present, [0.8, 0.2], seed=0) == first
    assert divide(names, present, [0.8, 0.2], seed=1) != first


def test_groups_stay_together() -> None:
    groups = groups_of([f"film{number // 5}/{number}.png" for number in range(40)], r"(film\d+)/")
    parts = divide(groups, np.ones((40, 1), np.int64), [0.75, 0.25], seed=0)
    assert all(len({part for group, part in zip(groups, parts, strict=True) if group == each}) == 1 for each in groups)
    assert parts.count(1) == 10


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "group=\\( is no regular expression"), ("film(\\d)", "does not match image1.png")]
)
def test_groups_that_cannot_be_told(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        groups_of(["film1.png", "image1.png"], pattern)


def test_few_images_are_in_every_part() -> None:
    assert sorted(divide(["a", "b"], np.ones((2, 1), np.int64), [0.9, 0.1], seed=0)) == [0, 1]
    with pytest.raises(ValueError, match="1 groups of images cannot be in 2 parts"):
        divide(["a", "a"], np.ones((2, 1), np.int64), [0.9, 0.1], seed=0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for index in range(10):
        image(tmp_path / f"source/images/film{index // 2}_{index}.jpg", seed=index)
        mask(tmp_path / f"source/masks/film{index // 2}_{index}.png", grid(inside=index % 3))
    return tmp_path / "source"


def sizes(result) -> dict[str, int]:
    return {name: len(images) for name, images in result.pixels.items()}


def test_shares_of_a_source_without_splits(source: Path, tmp_path: Path) -> None:
    options = {"classes": ["a", "b", "c"]}
    assert sizes(converted("masks", source, tmp_path / "out", **options)) == {"train": 8, "val": 2}
    moved = converted("masks", source, tmp_path / "out", **options, val=0.4, test=0.2, group="(film.)")
    assert sizes(moved) == {"train": 4, "val": 4, "test": 2}, "the files move"
    films = {
        path.parent.name: {each.name[:5] for each in path.parent.iterdir()} for path in tmp_path.glob("out/images/*/*")
    }
    assert not films["train"] & films["val"] | films["train"] & films["test"] | films["val"] & films["test"]


def test_splits_of_the_source_are_kept(source: Path, tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        for split, numbers in {"Training": range(8), "valid": range(8, 10)}.items():
            (source / kind / split).mkdir()
            for number in numbers:
                next((source / kind).glob(f"*_{number}.*")).rename(source / kind / split / f"{number}.png")
    options = {"classes": ["a", "b", "c"]}
    assert sizes(converted("masks", source, tmp_path / "out", **options)) == {"train": 8, "val": 2}
    with pytest.raises(ValueError, match=r"val=0.5, but the source has a val split; leave it out"):
        converted("masks", source, tmp_path / "out", **options, val=0.5)
    assert sizes(converted("masks", source, tmp_path / "new", **options, val=0.5, resplit=True)) == {
        "train": 5,
        "val": 5,
    }
