"""A prediction that was killed goes on, and what other options or checkpoints left is not mixed in."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastfcn.prediction import outputs, session
from fastfcn.prediction.journal import read

COUNT = 6


@pytest.fixture
def call(trained: Path, tmp_path: Path, script, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Predict a folder of images, two of them in folders below it; return what was said."""
    generator = np.random.default_rng(0)
    for index in range(COUNT):
        path = tmp_path / "images" / ("below" if index < 2 else "") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (24, 32, 3), dtype=np.uint8)).save(path)

    def run(*more: str) -> str:
        common = (f"checkpoint={trained}/checkpoints/best.ckpt", f"images={tmp_path}/images", f"output={tmp_path}/out")
        script("predict", *common, "workers=0", *more)
        return capfd.readouterr().out

    return run


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the images that go through the network."""
    seen: list[int] = []
    segment = session.segment

    def counted(network, protocol, image):
        seen.append(image.shape[0])
        return segment(network, protocol, image)

    monkeypatch.setattr(session, "segment", counted)
    return seen


def masks(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in (folder / "masks").rglob("*.png")}


def test_killed_half_way_and_run_again_does_the_rest_once(
    call, predicted: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outputs.Outputs.save
    saved: list[str] = []

    def killed(self, name: str, *arguments) -> None:
        saved.append(name)
        if len(saved) > 2:
            raise KeyboardInterrupt
        whole(self, name, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(outputs.Outputs, "save", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            call()
    before = masks(tmp_path / "out")
    done = len(read(tmp_path / "out" / "predictions.jsonl")[1])
    assert done == 2
    predicted.clear()
    assert f"; {done} were there" in call()
    assert len(predicted) == COUNT - done
    after = masks(tmp_path / "out")
    assert set(after) == {f"masks/{'below/' if index < 2 else ''}{index}.png" for index in range(COUNT)}
    assert sum(after[name] == time for name, time in before.items()) >= done
    predicted.clear()
    call()
    assert not predicted


def test_a_torn_line_and_a_lost_file_are_done_again(call, predicted: list[int], tmp_path: Path) -> None:
    call()
    journal = tmp_path / "out" / "predictions.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])  # as a kill in the midst of the last line leaves it
    (tmp_path / "out" / "overlays" / "below" / "0.jpg").unlink()
    predicted.clear()
    call()
    assert len(predicted) == 2
    assert len(read(journal)[1]) == COUNT


def test_a_changed_image_is_done_again(call, predicted: list[int], tmp_path: Path) -> None:
    call()
    Image.new("RGB", (32, 24)).save(tmp_path / "images" / "5.png")
    predicted.clear()
    call()
    assert len(predicted) == 1


def test_other_options_are_not_mixed_in(call, predicted: list[int], tmp_path: Path, capfd) -> None:
    call()
    before = masks(tmp_path / "out")
    with pytest.raises(SystemExit):
        call("opacity=0.3")
    error = capfd.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert "holds predictions with another opacity (0.6, now 0.3); give another output=, or overwrite=true" in error
    assert masks(tmp_path / "out") == before
    predicted.clear()
    call("opacity=0.3", "overwrite=true")
    assert len(predicted) == COUNT


def test_more_processes_than_a_machine_has_places_for_are_refused(call, tmp_path: Path, capfd) -> None:
    with pytest.raises(SystemExit):
        call("devices=4096", "device=cpu")
    assert "error: devices=4096, this machine has" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "line", ['{"format": "x"}', "[" * 100_000, '{"format": "fastfcn-predictions-1", "settings": {}}\n3']
)
def test_a_strangers_journal_is_refused(call, tmp_path: Path, line: str, capfd) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "predictions.jsonl").write_text(line + "\n")
    with pytest.raises(SystemExit):
        call()
    assert "is no list of predictions that this version wrote" in capfd.readouterr().err.splitlines()[-1]


def test_no_name_of_a_journal_leaves_the_folder(call, tmp_path: Path, capfd) -> None:
    call()
    kept = tmp_path / "kept.png"
    kept.touch()
    journal = tmp_path / "out" / "predictions.jsonl"
    head, *entries = journal.read_text().splitlines(keepends=True)
    journal.write_text(head + re.sub('"name": "[^"]*"', '"name": "../../kept"', entries[0]))
    with pytest.raises(SystemExit):
        call("overwrite=true")
    assert "is no list of predictions" in capfd.readouterr().err.splitlines()[-1]
    assert kept.exists()


def test_areas_are_those_of_the_masks(call, tmp_path: Path) -> None:
    call("write=[masks,areas]")
    rows = [line.split(",") for line in (tmp_path / "out" / "areas.csv").read_text().splitlines()]
    assert rows[0] == ["image", "class", "pixels", "share"]
    labels = np.asarray(Image.open(tmp_path / "out" / "masks" / "below" / "0.png"))
    ours = [row for row in rows if row[0] == "below/0"]
    assert [int(row[2]) for row in ours] == np.bincount(labels.ravel(), minlength=len(ours)).tolist()
    assert sum(float(row[3]) for row in ours) == pytest.approx(1, abs=1e-5)
