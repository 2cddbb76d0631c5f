"""Going on with a run: find its checkpoint, refuse to mix runs."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from fastfcn.checkpoints import Checkpoint, Description, read_checkpoint
from fastfcn.files import write_atomically

RESUMED_PARTS = ("model", "data", "recipe", "augmentation", "run")
MAY_CHANGE = {
    "recipe.workers",
    "recipe.cache",
    "recipe.compile",
    "recipe.channels_last",
    "recipe.checkpoint_backbone",
    "data.root",
    "model.backbone.weights",
}


def find_resume(resume: str | None, run_dir: Path) -> Checkpoint | None:
    """Read the checkpoint to go on from. Raises FileNotFoundError or ValueError if there is none."""
    last = run_dir / "checkpoints" / "last.ckpt"
    if resume is None or (resume == "auto" and not last.exists()):
        return None
    path = last if resume in ("last", "auto") else Path(resume)
    if not path.is_file():
        raise FileNotFoundError(
            f"resume={resume}: no checkpoint at {path}; give the hydra.run.dir= of the run, or a path"
        )
    return read_checkpoint(path)


def require_same_run(resumed: Checkpoint, now: Description) -> None:
    """Raise ValueError, naming the first option that differs, if a checkpoint was made with other options."""
    before = flatten({name: part for name, part in asdict(resumed.description).items() if name in RESUMED_PARTS})
    after = flatten({name: part for name, part in asdict(now).items() if name in RESUMED_PARTS})
    for key in sorted({*before, *after} - MAY_CHANGE):
        if before.get(key) != after.get(key):
            raise ValueError(
                f"{resumed.path} was trained with {key}={before.get(key)}, now it is {after.get(key)}; repeat the "
                f"options of its run to resume (see its config.yaml), or begin a new one with init={resumed.path}"
            )


def flatten(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name every leaf of a configuration by its dotted path."""
    leaves: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        leaves.update(flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value})
    return leaves


@rank_zero_only
def require_free_folder(run_dir: Path) -> None:
    """Raise ValueError if a new run would mix with an old one."""
    folder = run_dir / "checkpoints"
    if any(folder.glob("*.ckpt")):
        raise ValueError(
            f"{folder} holds the checkpoints of another run; add resume=last, or give another hydra.run.dir="
        )


@rank_zero_only
def prepare_folder(config: DictConfig, run_dir: Path, resumed: Checkpoint | None) -> None:
    """Write config.yaml; bring the best checkpoint along when a run goes on in another folder."""
    folder = run_dir / "checkpoints"
    for unfinished in folder.glob(".*.ckpt.*"):  # of a process that was killed while it wrote
        unfinished.unlink()
    if resumed is not None and resumed.path.parent.resolve() != folder.resolve():
        best = resumed.path.with_name("best.ckpt")
        if best.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(best, folder / best.name)
    write_atomically(run_dir / "config.yaml", OmegaConf.to_yaml(config, resolve=True).encode())
