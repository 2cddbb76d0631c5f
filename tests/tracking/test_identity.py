"""Which run a training is."""

from pathlib import Path

import pytest

from fastfcn.tracking.identity import identify

NETWORK = {"backbone": "tu-resnet18", "output_stride": 32, "upsampling": "jpu", "head": "encnet"}


def fragment(folder: Path, name: str, run: str) -> None:
    (folder / "wandb" / name).mkdir(parents=True)
    (folder / "wandb" / name / f"run-{run}.wandb").touch()


def identity(*folders: Path, row: str | None = None):
    return identify(network=NETWORK, data="shapes", seed=3, experiment=None, row=row, folders=folders)


def test_a_restart_is_the_latest_run_of_the_latest_folder(tmp_path: Path) -> None:
    fragment(tmp_path / "a", "offline-run-20260101_000000-old", "old")
    fragment(tmp_path / "a", "run-20260102_000000-new", "new")
    fragment(tmp_path / "b", "run-20260103_000000-other", "other")
    assert identity(tmp_path / "a", tmp_path / "b").id == "new"
    assert identity(tmp_path / "empty", tmp_path / "b").id == "other"
    assert identity(tmp_path / "empty").id is identity().id is None


@pytest.mark.parametrize(("row", "name"), [(None, "encnet_jpu_os32-seed3"), ("mine", "mine-seed3")])
def test_a_run_is_named_after_its_row_or_its_parts(row: str | None, name: str) -> None:
    assert identity(row=row).name == name
