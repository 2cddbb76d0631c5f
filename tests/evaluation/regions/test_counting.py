"""Regions of an image, counted: cases worked by hand, and what no prediction may change."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fastfcn.data.dataset import IGNORE
from fastfcn.data.shapes import Shapes
from fastfcn.evaluation.regions.counting import RegionCounts, count_regions, write_region_counts
from fastfcn.evaluation.regions.grid import grid_labels
from fastfcn.evaluation.regions.things import size_groups, thin_groups
from fastfcn.reporting.boundary import DISTANCES, NAME, REGIONS, SIZES, THICK, THIN, TRIMAP, Regions, read_regions

CLASSES = 5


def scene(*, seed: int = 0) -> np.ndarray:
    """A small image of generated shapes, with some of it ignored."""
    truth = Shapes(size=96, val_images=4).split("val")[seed].mask.copy() % CLASSES
    truth[40:46] = IGNORE
    return truth


def counted(prediction: np.ndarray, truth: np.ndarray, *, classes: int = CLASSES) -> dict[str, np.ndarray]:
    """Counts by region (C, 3)."""
    regions = Regions.of(["a"], [count_regions(prediction, truth, classes)], classes)
    found = {name: regions.counts(name) for name in REGIONS}
    return {name: np.stack((each.correct[0], each.truth[0], each.predicted[0]), 1) for name, each in found.items()}


def test_a_perfect_prediction_is_right_in_every_region() -> None:
    truth = scene()
    prediction = np.where(truth == IGNORE, 1, truth).astype(np.uint8)
    table = counted(prediction, truth)
    for name in REGIONS:
        if "grid" not in name:
            np.testing.assert_array_equal(table[name][:, 0], table[name][:, 1], name)
            np.testing.assert_array_equal(table[name][:, 0], table[name][:, 2], name)


def test_bands_sizes_and_thickness_part_the_labelled_pixels() -> None:
    truth, prediction = scene(), scene(seed=1)
    prediction[prediction == IGNORE] = 0
    table = counted(prediction, truth)
    pixels = np.bincount(truth[truth != IGNORE], minlength=CLASSES)
    for names in (TRIMAP, tuple(SIZES), (THIN, THICK), ("grid 8",), ("grid 32",)):
        np.testing.assert_array_equal(sum(table[name][:, 1] for name in names), pixels)
    predicted = np.bincount(prediction[truth != IGNORE], minlength=CLASSES)
    np.testing.assert_array_equal(sum(table[name][:, 2] for name in TRIMAP), predicted)
    present = pixels > 0
    for names in (tuple(SIZES), (THIN, THICK)):
        np.testing.assert_array_equal(sum(table[name][:, 2] for name in names)[present], predicted[present])


def test_boundary_iou_by_hand() -> None:
    """20 x 20 (width 1): class 1 a square of 10 x 10, predicted a column to the right: 18 of 36 and 36, IoU 18 / 54."""
    truth, prediction = (np.zeros((20, 20), np.uint8) for _ in range(2))
    truth[5:15, 5:15] = 1
    prediction[5:15, 6:16] = 1
    assert counted(prediction, truth)["boundary"][1].tolist() == [18, 36, 36]


def test_bands_by_hand() -> None:
    """Columns 0..3 and 4..19 of 20: beside the boundary one column each, then one, two and so on."""
    truth = np.zeros((20, 20), np.uint8)
    truth[:, 4:] = 1
    table = counted(np.zeros_like(truth), truth)
    assert DISTANCES[:4] == (1, 2, 4, 8)
    assert [table[name][0, 1] for name in TRIMAP[:5]] == [20, 20, 40, 0, 0]
    assert [table[name][1, 1] for name in TRIMAP[:5]] == [20, 20, 40, 80, 160]
    assert table["within 1"][0].tolist() == [20, 20, 40]  # all is predicted 0


def test_sizes_are_those_of_connected_parts() -> None:
    """Less than 32 x 32 is small, less than 96 x 96 medium; diagonal neighbours are connected."""
    mask = np.zeros((140, 300), bool)
    mask[:32, :31] = True
    mask[32:34, 31:33] = True  # touches it at a corner: 992 + 4 pixels
    mask[50:82, :32] = True
    mask[:96, 100:196] = True
    groups = size_groups(mask)
    assert (groups[0, 0], groups[33, 32], groups[60, 0], groups[0, 100]) == (0, 0, 1, 2)


def test_thin_is_what_no_square_fits_into() -> None:
    """300 x 400: a boundary is 10 wide, the square 11. A pole of 10 is thin, one of 11 and a diagonal edge are not."""
    mask = np.zeros((300, 400), bool)
    mask[50:250, 50:60] = True
    mask[50:250, 100:111] = True
    mask[200:300, 200:300] = np.tri(100, dtype=bool)
    groups = thin_groups(mask)
    assert not groups[50:250, 50:60].any()
    assert groups[50:250, 100:111].all()
    assert groups[250, 250]


def test_a_wrong_pixel_goes_with_the_nearest_thing_of_its_predicted_class() -> None:
    """A pole, thin, and a block: the pixel predicted beside the pole is counted with it."""
    truth = np.zeros((300, 400), np.uint8)
    truth[50:250, 50:55] = 1
    truth[100:200, 200:300] = 1
    prediction = truth.copy()
    prediction[60, 56] = 1
    prediction[150, 310:312] = 1
    prediction[290, 390] = 2  # of a class that the truth lacks: with no thing
    table = counted(prediction, truth)
    assert table[THIN][1].tolist() == [1000, 1000, 1001]
    assert table[THICK][1].tolist() == [10_000, 10_000, 10_002]
    assert table["small"][1].tolist() == [1000, 1000, 1001]
    assert table["large"][1].tolist() == [10_000, 10_000, 10_002]
    assert not any(table[name][2].any() for name in (*SIZES, THIN, THICK))


def test_a_grid_keeps_what_is_as_coarse_as_itself() -> None:
    """A boundary between cells stays where it is; a pole narrower than half a cell is lost."""
    truth = np.zeros((64, 64), np.uint8)
    truth[:, 32:] = 7
    truth[10:40, 2:5] = 3
    np.testing.assert_array_equal(grid_labels(truth, 8)[:, 16:], truth[:, 16:])
    assert not (grid_labels(truth, 8) == 3).any()
    np.testing.assert_array_equal(grid_labels(truth, 1), truth)
    assert grid_labels(truth[:50, :33], 32).shape == (50, 33)


def test_a_grid_is_resized_as_logits_are() -> None:
    """A single cell of another class, of 8 x 8: where bilinear weights of it are the largest."""
    truth = np.zeros((24, 24), np.uint8)
    truth[8:16, 8:16] = 1
    one_hot = torch.zeros(1, 2, 3, 3)
    one_hot[0, 0] = 1
    one_hot[0, :, 1, 1] = torch.tensor([0.0, 1.0])
    expected = torch.nn.functional.interpolate(one_hot, scale_factor=8, mode="bilinear").argmax(1)[0]
    np.testing.assert_array_equal(grid_labels(truth, 8), expected.numpy())


def test_of_an_image_that_is_all_ignored_nothing_counts() -> None:
    ignored = np.full((9, 9), IGNORE, np.uint8)
    assert count_regions(np.zeros_like(ignored), ignored, CLASSES).shape == (5, 0)


def test_the_images_of_a_split_are_written_in_its_order(tmp_path: Path) -> None:
    counts = RegionCounts(CLASSES)
    truth, prediction = scene(), scene(seed=1)
    prediction[prediction == IGNORE] = 0
    for index in (2, 0, 1):  # the last stands in for an image: the split has two
        labels, mask = (torch.from_numpy(np.roll(each, index, 1))[None] for each in (prediction, truth))
        counts.add(labels, mask, index)
    write_region_counts(tmp_path, counts.gathered(1), Shapes(val_images=2).split("val"), CLASSES)
    found = read_regions(tmp_path / NAME, CLASSES)
    assert found.names == ("val_00000", "val_00001")
    expected = count_regions(prediction, truth, CLASSES)
    assert found.lengths[0] == expected.shape[1]
    assert found.truth[: found.lengths[0]].tolist() == expected[3].tolist()


@pytest.mark.parametrize("name", REGIONS)
def test_no_region_is_empty_in_the_scene(name: str) -> None:
    """Or else the tests above would hold for nothing."""
    if name not in ("large", "far"):
        assert counted(np.zeros((96, 96), np.uint8), scene())[name].any()
