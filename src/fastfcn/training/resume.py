"""Going on with a run: find its checkpoint, refuse to mix runs."""

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig, OmegaConf

from fastfcn.checkpoints import Checkpoint, read_checkpoint
from fastfcn.composition import completed
from fastfcn.data.dataset import SegmentationData
from fastfcn.description import Circumstances, Description, with_statistics
from fastfcn.files import remove_unfinished, set_aside, write_atomically
from fastfcn.models.segmenter import Segmenter
from fastfcn.reporting.schema import RESULT
from fastfcn.sameness import first_difference, flatten
from fastfcn.training.config import RunConfig
from fastfcn.training.losses import SegmentationLoss

log = logging.getLogger(__name__)

LAST, BEST = "last.ckpt", "best.ckpt"
PICTURES = ("images", "truth", "predictions")
RESUMED_PARTS = ("model", "data", "recipe", "augmentation", "loss", "run")


def describe_run(
    settings: RunConfig, data: SegmentationData, network: Segmenter, loss: SegmentationLoss, steps: int | None
) -> Description:
    """Say what a checkpoint of this run holds, and what it was trained with."""
    run: Circumstances = {
        "seed": settings.seed,
        "processes": settings.devices * settings.num_nodes,
        "accumulate_grad_batches": settings.trainer["accumulate_grad_batches"],
    }
    if loss.class_weights is not None:
        run["class_weights"] = loss.class_weights
    if steps is not None:
        run["steps"] = steps
    return Description(
        model=with_statistics(settings.model, network.backbone.statistics),
        classes=data.classes,
        palette=data.palette,
        data=settings.data,
        recipe=settings.recipe,
        augmentation=settings.augmentation,
        run=run,
        loss=settings.loss,
    )


def find_resume(resume: str | None, run_dir: Path) -> Checkpoint | None:
    """Read the checkpoint to go on from; None for a run that begins.

    `last` and a path must be there and whole, else it raises FileNotFoundError or ValueError. `auto` takes last.ckpt,
    or best.ckpt where that cannot be read, and begins anew without either.
    """
    folder = run_dir / "checkpoints"
    if resume is None:
        return None
    if resume == "auto":
        return _latest(folder)
    path = folder / LAST if resume == "last" else Path(resume)
    if not path.is_file():
        raise FileNotFoundError(
            f"resume={resume}: no checkpoint at {path}; give the hydra.run.dir= of the run, or a path, or resume=auto, "
            "which begins anew where there is none"
        )
    try:
        return read_checkpoint(path)
    except ValueError as error:
        hint = "; resume=auto goes on from best.ckpt, or begins anew" if resume == "last" else ""
        raise ValueError(f"{error}{hint}") from error


def _latest(folder: Path) -> Checkpoint | None:
    """Read last.ckpt, or else best.ckpt, which a run goes on from as exactly; None if neither can be read."""
    for name in (LAST, BEST):
        try:
            return read_checkpoint(folder / name)
        except FileNotFoundError:
            continue
        except ValueError as error:
            log.warning("resume=auto passes over a checkpoint: %s", error)
    return None


def require_same_run(resumed: Checkpoint, now: Description) -> None:
    """Raise ValueError, naming the first option that differs, if a checkpoint was made with other options."""
    before, after = (_options(each) for each in (resumed.description, now))
    if not resumed.description.loss:  # of a file from before it was kept
        after = {key: value for key, value in after.items() if not key.startswith("loss.")}
    if key := first_difference(before, after):
        raise ValueError(
            f"{resumed.path} was trained with {key}={before.get(key)}, now it is {after.get(key)}; repeat the options "
            f"of its run to resume (see its config.yaml), or begin a new one with init={resumed.path}"
        )


def _options(description: Description) -> dict[str, Any]:
    """Name every option that a run depends on, those too that an older file leaves to what is the default since."""
    parts = {name: part for name, part in asdict(description).items() if name in RESUMED_PARTS}
    return flatten(completed(parts))


@rank_zero_only
def require_free_folder(run_dir: Path) -> None:
    """Raise ValueError if a new run would mix with an old one."""
    found = [*(run_dir / "checkpoints").glob("*.ckpt"), *run_dir.glob(RESULT)]
    if found:
        raise ValueError(
            f"{run_dir} holds another run ({found[0].relative_to(run_dir)}); add resume=last or resume=auto to go on "
            "with it, or give another hydra.run.dir="
        )


@rank_zero_only
def prepare_folder(config: DictConfig, run_dir: Path, resumed: Checkpoint | None) -> None:
    """Write config.yaml, set aside what would be overwritten, and bring the best checkpoint of another folder along."""
    folder = run_dir / "checkpoints"
    for place in (run_dir, folder, *(run_dir / name for name in PICTURES)):
        remove_unfinished(place)
    here = resumed is not None and resumed.path.parent.resolve() == folder.resolve()
    kept = {resumed.path.name, BEST} if resumed is not None and here else set()
    for path in (folder / LAST, folder / BEST, *([] if here else [run_dir / RESULT])):
        if path.exists() and path.name not in kept:
            log.warning("%s is not of this run, now %s", path, set_aside(path))
    if resumed is not None and not here:
        best = resumed.path.with_name(BEST)
        if best.exists():
            write_atomically(folder / BEST, best.read_bytes())
    write_atomically(run_dir / "config.yaml", OmegaConf.to_yaml(config, resolve=True).encode())
