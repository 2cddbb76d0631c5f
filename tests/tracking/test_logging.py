"""Logging never blocks, prompts or mixes runs."""

import csv
import socket
from pathlib import Path

import pytest

from fastfcn.tracking.logging import Logging, csv_logger
from tests.conftest import TINY_RUN

ONLINE = Logging(mode="online", project="tests", entity=None)


def test_every_training_in_a_process_is_an_offline_run_of_its_own(tmp_path: Path, script, monkeypatch) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    for name in ("first", "second"):
        script("train", *TINY_RUN, "recipe.epochs=1", "logger=offline", f"hydra.run.dir={tmp_path / name}")
    runs = [list((tmp_path / name / "wandb").glob("offline-run-*/run-*.wandb")) for name in ("first", "second")]
    assert [len(files) for files in runs] == [1, 1]
    assert runs[0][0].name != runs[1][0].name
    assert all(files[0].stat().st_size > 1000 for files in runs)
    assert not (Path.cwd() / "wandb").exists()


def test_online_without_a_key_falls_back(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    monkeypatch.setattr("wandb.login", lambda **_: False)
    assert ONLINE._reachable_mode() == "offline"
    assert "needs a W&B key" in caplog.text


def test_online_without_network_falls_back(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    def refuse(*_: object) -> None:
        raise OSError("network is unreachable")

    monkeypatch.setattr("wandb.login", lambda **_: True)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert ONLINE._reachable_mode() == "offline"
    assert "cannot be reached (network is unreachable); logging offline" in caplog.text


def test_a_resumed_run_keeps_its_earlier_rows(tmp_path: Path) -> None:
    first = csv_logger(tmp_path, resume_step=None)
    for step in range(6):
        first.log_metrics({"loss": float(step)}, step=step)
    first.save()
    resumed = csv_logger(tmp_path, resume_step=4)  # steps 4 and 5 were lost with the process
    resumed.log_metrics({"loss": 40.0, "speed": 1.0}, step=4)
    resumed.save()
    with (tmp_path / "metrics.csv").open() as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == [0, 1, 2, 3, 40]


def test_a_fresh_run_in_an_old_folder_starts_over(tmp_path: Path) -> None:
    csv_logger(tmp_path, resume_step=None).log_metrics({"loss": 1.0}, step=0)
    (tmp_path / "metrics.csv").write_text("step,loss\n7,0.5\n")
    csv_logger(tmp_path, resume_step=None)
    assert not (tmp_path / "metrics.csv").exists()
