"""Videos in and out: every frame once, upright, at its time; a damaged one leaves no film."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fastfcn.prediction.sources import Source
from fastfcn.prediction.video import FilmWriter, Frame, opened

av = pytest.importorskip("av", reason="the extra video is not installed")
RATE = 10


def write_film(path: Path, frames: int, *, height: int = 33, width: int = 48) -> None:
    """Write a film whose frames get lighter."""
    with FilmWriter(path, Fraction(RATE)) as film:
        for index in range(frames):
            image = np.full((height, width, 3), index * 250 // frames, np.uint8)
            film.add(Frame(image, index, Fraction(1, RATE)))


def test_frames_come_back_in_order_and_time(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", 20)
    with opened(Source(tmp_path / "a.mp4", "a")) as film:
        frames = list(film.frames)
    assert (film.count, len(frames), film.rate) == (20, 20, RATE)
    assert frames[0].image.shape == (34, 48, 3)  # an odd row is repeated
    assert [round(float(frame.time * frame.unit * RATE)) for frame in frames] == list(range(20))
    means = [frame.image.mean() for frame in frames]
    assert means == sorted(means)


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=pytest.mark.slow)])  # half a minute of frames
def test_a_film_in_and_a_film_out(seconds: int, trained: Path, tmp_path: Path, script) -> None:
    write_film(tmp_path / "a.mp4", seconds * RATE)
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    call = (checkpoint, f"images={tmp_path}/a.mp4", "workers=1", "optimize=false", "write=[masks,overlays,areas]")
    script("predict", *call, f"output={tmp_path}/out")
    with opened(Source(tmp_path / "out" / "overlays" / "a.mp4", "a")) as film:
        assert sum(1 for _ in film.frames) == seconds * RATE
        assert film.rate == RATE
    assert len(list((tmp_path / "out" / "masks" / "a").iterdir())) == seconds * RATE
    pixels = [int(line.split(",")[2]) for line in (tmp_path / "out" / "areas.csv").read_text().splitlines()[1:]]
    assert sum(pixels) == seconds * RATE * 34 * 48
    script("predict", *call, f"output={tmp_path}/short", "frames=3")
    assert len(list((tmp_path / "short" / "masks" / "a").iterdir())) == 3


def test_a_damaged_film_is_one_line_and_leaves_none(trained: Path, tmp_path: Path, script, capfd) -> None:
    write_film(tmp_path / "films" / "whole.mp4", 20)
    content = (tmp_path / "films" / "whole.mp4").read_bytes()
    (tmp_path / "films" / "cut.mp4").write_bytes(content[: len(content) // 2])
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    with pytest.raises(SystemExit):
        script("predict", checkpoint, f"images={tmp_path}/films/*.mp4", "optimize=false", f"output={tmp_path}/out")
    named, error = capfd.readouterr().err.splitlines()[-2:]
    assert "cut.mp4: cannot be read as a video" in named
    assert error.startswith("error: 1 of 2 images could not be predicted")
    assert [path.name for path in (tmp_path / "out" / "overlays").iterdir()] == ["whole.mp4"]


def test_a_camera_that_is_not_here_is_one_line(trained: Path, tmp_path: Path, script, capfd) -> None:
    with pytest.raises(SystemExit):
        script("predict", f"checkpoint={trained}/checkpoints/best.ckpt", "images=camera:99", f"output={tmp_path}/out")
    assert "no camera of that number can be opened here" in capfd.readouterr().err
