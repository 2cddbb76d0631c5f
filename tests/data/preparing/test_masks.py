"""Segmentations as COCO writes them, and their conversion."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fastfcn.data.dataset import UInt8
from fastfcn.data.images import read_indices
from fastfcn.data.preparing.masks import Conversion, convert
from fastfcn.data.preparing.matlab import read_label_map
from fastfcn.data.preparing.regions import decode, paint
from tests.data.miniature import HEIGHT, WIDTH
from tests.data.region_miniatures import compressed, polygons, rectangle, uncompressed


@dataclass(frozen=True)
class Constant(Conversion):
    value: int

    def mask(self) -> UInt8:
        if self.value > 200:
            raise ValueError("no such value")
        return np.full((2, 3), self.value, np.uint8)


@pytest.mark.parametrize("form", [compressed, uncompressed, polygons])
@pytest.mark.parametrize("box", [(0, 0, 36, 48), (3, 5, 30, 40), (35, 47, 36, 48)])
def test_every_form_of_a_region(form, box: tuple[int, ...]) -> None:
    region = rectangle(*box)
    np.testing.assert_array_equal(decode(form(region), HEIGHT, WIDTH), region)


def test_a_polygon_of_two_points_beside_whole_ones_adds_nothing_else() -> None:
    region = rectangle(3, 5, 30, 40)
    decoded = decode([*polygons(region), [10, 10, 11, 11]], HEIGHT, WIDTH)
    np.testing.assert_array_equal(decoded, region)


def test_any_region_through_run_lengths() -> None:
    region = np.random.default_rng(0).random((HEIGHT, WIDTH)) < 0.3
    for form in (compressed, uncompressed):
        np.testing.assert_array_equal(decode(form(region), HEIGHT, WIDTH), region)


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [WIDTH, HEIGHT], "counts": [WIDTH * HEIGHT]},
        {"size": [HEIGHT, WIDTH], "counts": [7]},
        {"size": [HEIGHT, WIDTH]},
        [],
        [[1, 2, 3, 4]],
        None,
        "text",
    ],
)
def test_what_is_no_region_is_refused(segmentation) -> None:
    with pytest.raises(ValueError, match="neither polygons nor run lengths of 48x36 pixels"):
        decode(segmentation, HEIGHT, WIDTH)


def test_the_later_or_the_earlier_region_covers() -> None:
    regions = [(1, compressed(rectangle(0, 0, 2, 2))), (2, compressed(rectangle(1, 1, 3, 3)))]
    assert paint(regions, HEIGHT, WIDTH, over=True)[:3, :3].tolist() == [[1, 1, 0], [1, 2, 2], [0, 2, 2]]
    assert paint(regions, HEIGHT, WIDTH, over=False)[:3, :3].tolist() == [[1, 1, 0], [1, 1, 2], [0, 2, 2]]


def test_converts_in_processes_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    jobs = [Constant(tmp_path / f"{value}.png", value % 3) for value in range(40)]
    broken = [*jobs[:20], Constant(tmp_path / "broken.png", 201), *jobs[20:]]
    with pytest.raises(ValueError, match="no such value"):
        convert(broken, description="converting", workers=2)
    assert not (tmp_path / "broken.png").exists()
    assert all(read_indices(path).shape == (2, 3) for path in tmp_path.iterdir()), "no mask is half there"
    assert convert(jobs, description="converting", workers=2) == [6 * (job.value > 0) for job in jobs]
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    assert convert(jobs, description="converting", workers=1) == [6 * (job.value > 0) for job in jobs]
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before


def test_a_damaged_matlab_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 5.0" * 20)
    with pytest.raises(ValueError, match=r"a.mat cannot be read as a MATLAB file"):
        read_label_map(path, "LabelMap")
