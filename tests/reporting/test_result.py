"""result.json: where it comes from, and classes that occur nowhere."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.reporting import result
from fastfcn.reporting.schema import read_result
from tests.conftest import TINY_MODEL


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_says_whether_the_tree_has_local_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "src" / "fastfcn" / "reporting" / "result.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    monkeypatch.setattr(result, "__file__", str(file))
    assert result.commit() is None  # no checkout

    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1"]):
        git(*words)
    commit = git("rev-parse", "HEAD")
    assert result.commit() == commit
    file.write_text("# changed")
    assert result.commit() == f"{commit}-dirty"


def test_a_class_that_occurs_nowhere_has_no_iou(composed, tmp_path: Path) -> None:
    network = build_network(plain(composed("model=fcn_jpu", *TINY_MODEL).model), num_classes=2)
    content = result.build_result(
        metrics={"val/miou": 0.5}, iou={"sky": 0.5, "sea": float("nan")}, network=network, device=torch.device("cpu"),
        data="shapes", seed=3, seconds=1.25, steps=7,
    )  # fmt: skip
    result.write_result(tmp_path, content)
    written = json.loads((tmp_path / "result.json").read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    assert written["iou"] == {"sky": 0.5, "sea": None}
    assert (written["seed"], written["steps"], written["seconds"]) == (3, 7, 1.2)


def test_readers_know_all_that_is_written(trained: Path, tmp_path: Path, script) -> None:
    script("evaluate", f"checkpoint={trained}/checkpoints/best.ckpt", "workers=0", f"hydra.run.dir={tmp_path}")
    for folder in (trained, tmp_path):
        written = json.loads((folder / "result.json").read_text())
        assert read_result(folder / "result.json").model_dump(exclude_unset=True) == written
