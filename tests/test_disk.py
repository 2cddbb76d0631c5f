"""A full disk ends with one line that names the file and what to do."""

import errno
import os
import pickle
import sys
from pathlib import Path

import pytest

from fastfcn import files
from fastfcn.disk import NoSpaceError, explained
from fastfcn.entry import explain
from tests.conftest import TINY_RUN


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_file_that_does_not_fit_is_named_and_the_old_one_kept(tmp_path: Path, monkeypatch, number: int) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(b"old")

    def no_room(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.os, "fsync", no_room)
    with pytest.raises(
        NoSpaceError, match=f"no space left on the disk to write {path}; what was finished is kept"
    ) as e:
        files.write_atomically(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"
    assert str(pickle.loads(pickle.dumps(e.value))) == str(e.value), "it comes from other processes, too"


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), explained(tmp_path):
        (tmp_path / "nothing").read_bytes()


def test_the_remedy_is_the_scripts(tmp_path: Path) -> None:
    assert explain(NoSpaceError(tmp_path), "train").endswith(
        "free some, and run the same command with resume=last again"
    )
    assert explain(NoSpaceError(tmp_path), "predict").endswith("free some, and run the same command again")
    other = OSError(errno.ENOSPC, "No space left on device", "/data/run/a.log")
    assert "no space left on the disk to write /data/run/a.log" in explain(other, "evaluate")


def test_where_the_system_names_nothing_the_folder_is_named(monkeypatch) -> None:
    monkeypatch.setattr(sys, "argv", ["src/evaluate.py", "checkpoint=a", "hydra.run.dir=/data/run"])
    line = explain(OSError(errno.ENOSPC, "No space left on device"), "evaluate")
    assert line.startswith("no space left on the disk of /data/run; what was finished is kept")


def test_a_training_on_a_full_disk(tmp_path: Path, fails, monkeypatch) -> None:
    monkeypatch.setattr(files.os, "fsync", full)
    line = fails("train", "model=fcn_jpu", *TINY_RUN, f"hydra.run.dir={tmp_path}/run")
    assert f"error: no space left on the disk to write {tmp_path}/run/config.yaml" in line
