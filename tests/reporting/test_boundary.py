"""boundary.npz: what is written comes back, and a file from anyone is refused in one line."""

import io
from pathlib import Path

import numpy as np
import pytest

from fastfcn.reporting.boundary import NAME, REGIONS, Regions, read_regions, write_regions
from tests.attack.limits import within_limits

CLASSES = 5


def sound() -> dict[str, np.ndarray]:
    """The arrays of two images, the second with one entry."""
    return {
        "names": np.array(["a", "b"]),
        "lengths": np.array([2, 1], "<u4"),
        "region": np.array([0, 3, 0], "u1"),
        "target": np.array([4, 0, 1], "u1"),
        "correct": np.array([2, 0, 7], "<u4"),
        "truth": np.array([3, 5, 7], "<u4"),
        "predicted": np.array([4, 0, 9], "<u4"),
    }


def write(path: Path, **changes: np.ndarray) -> None:
    """Write sound arrays but for some."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{**sound(), **changes})
    path.write_bytes(buffer.getvalue())


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    rows = [sound()[name] for name in ("region", "target", "correct", "truth", "predicted")]
    entries = np.stack(rows).astype(np.int64)
    regions = Regions.of(["a", "b"], [entries[:, :2], entries[:, 2:]], CLASSES)
    write_regions(tmp_path / NAME, regions)
    found = read_regions(tmp_path / NAME, CLASSES)
    counts = found.counts(REGIONS[0])
    assert counts.truth.tolist() == [[0, 0, 0, 0, 3], [0, 7, 0, 0, 0]]
    assert counts.correct.sum() == 9
    assert counts.predicted.sum() == 13
    assert found.counts(REGIONS[0], REGIONS[3]).truth.sum() == 15
    assert found.counts(REGIONS[1]).truth.sum() == 0


@pytest.mark.parametrize("images", [0, 1])
def test_a_split_without_entries(images: int, tmp_path: Path) -> None:
    write_regions(tmp_path / NAME, Regions.of(["a"] * images, [np.zeros((5, 0), np.int64)] * images, CLASSES))
    assert read_regions(tmp_path / NAME, CLASSES).counts("boundary").truth.shape == (images, CLASSES)


HOSTILE = {
    "a region too many": ({"region": np.array([0, len(REGIONS), 0], "u1")}, "a region beyond"),
    "a class too many": ({"target": np.array([4, 0, 5], "u1")}, "a class beyond the 5"),
    "an entry twice": ({"region": np.array([3, 3, 0], "u1"), "target": np.array([0, 0, 1], "u1")}, "stands twice"),
    "more right than true": ({"correct": np.array([4, 0, 7], "<u4")}, "more pixels right than there are"),
    "more right than predicted": ({"predicted": np.array([1, 0, 9], "<u4")}, "more pixels right than there are"),
    "an entry of nothing": ({"truth": np.array([3, 0, 7], "<u4")}, "an entry without pixels"),
    "fewer counts": ({"truth": np.array([3, 5], "<u4")}, "do not fit"),
    "lengths that overflow": ({"lengths": np.array([2**32 - 1, 4], "<u4")}, "do not fit"),
    "floats": ({"truth": np.ones(3)}, "truth holds <f8"),
    "another array": ({"more": np.ones(3)}, "other arrays than"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_from_anyone_is_refused_in_one_line(case: str, tmp_path: Path) -> None:
    changes, reason = HOSTILE[case]
    write(tmp_path / NAME, **changes)
    with within_limits(), pytest.raises(ValueError, match="is damaged: ") as refused:
        read_regions(tmp_path / NAME, CLASSES)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_sound_file_of_these_is_read(tmp_path: Path) -> None:
    write(tmp_path / NAME)
    assert len(read_regions(tmp_path / NAME, CLASSES).names) == 2
