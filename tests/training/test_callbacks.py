"""The checkpoints of a training, around a toy whose scores are given."""

from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Checkpoint
from torch import nn
from torch.utils.data import DataLoader, Dataset

from fastfcn.tracking.keys import BEST_METRIC
from fastfcn.training.callbacks import training_callbacks
from fastfcn.training.checkpoint_io import AtomicCheckpointIO
from fastfcn.training.conclusion import best_checkpoint

STEPS = 4  # an epoch


class Scored(L.LightningModule):
    """Scores as told, epoch by epoch, and notes the steps at which anything was saved."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.told = scores
        self.saved: list[int] = []

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).sum()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log(BEST_METRIC, self.told[self.current_epoch])

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        self.saved.append(checkpoint["global_step"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01)


def fit(
    run_dir: Path, *scores: float, every: int = 100, resume: Path | None = None, data: Dataset | None = None
) -> tuple[L.Trainer, Scored]:
    callbacks = training_callbacks(run_dir, checkpoint_every=every, log_every=0, progress_bar=False)
    module = Scored(*scores)
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=len(scores), logger=False, num_sanity_val_steps=0, enable_model_summary=False,
        enable_progress_bar=False, callbacks=[each for each in callbacks if isinstance(each, Checkpoint)],
        plugins=[AtomicCheckpointIO()],
    )  # fmt: skip
    batches = [DataLoader(data or torch.ones(STEPS, 1)), DataLoader(torch.ones(1, 1))]
    trainer.fit(module, *batches, ckpt_path=resume, weights_only=True)
    return trainer, module


def step(run_dir: Path, name: str) -> int:
    saved: int = torch.load(run_dir / "checkpoints" / f"{name}.ckpt", weights_only=True)["global_step"]
    return saved


@pytest.mark.parametrize(("scores", "best"), [((0.2, 0.9, 0.5), 2), ((0.9, 0.2, 0.5), 1), ((0.2, 0.5, 0.9), 3)])
def test_the_best_is_kept_beside_the_last(scores: tuple[float, ...], best: int, tmp_path: Path) -> None:
    trainer, _ = fit(tmp_path, *scores)
    assert (step(tmp_path, "best"), step(tmp_path, "last")) == (best * STEPS, 3 * STEPS)
    assert best_checkpoint(trainer) == str(tmp_path / "checkpoints" / "best.ckpt")


@pytest.mark.parametrize(("third", "best"), [(0.5, 2), (0.95, 3)])
def test_the_best_is_remembered_in_another_folder(third: float, best: int, tmp_path: Path) -> None:
    fit(tmp_path / "a", 0.2, 0.9)
    (tmp_path / "b" / "checkpoints").mkdir(parents=True)
    kept = (tmp_path / "a" / "checkpoints" / "best.ckpt").read_bytes()
    (tmp_path / "b" / "checkpoints" / "best.ckpt").write_bytes(kept)  # as prepare_folder does
    trainer, _ = fit(tmp_path / "b", 0.2, 0.9, third, resume=tmp_path / "a" / "checkpoints" / "last.ckpt")
    assert (step(tmp_path / "b", "best"), step(tmp_path / "b", "last")) == (best * STEPS, 3 * STEPS)
    assert best_checkpoint(trainer) == str(tmp_path / "b" / "checkpoints" / "best.ckpt")
    assert step(tmp_path / "a", "best") == 2 * STEPS


class Unreadable(Dataset):
    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> torch.Tensor:
        if index == 2:
            raise ValueError("batch 2 cannot be read")
        return torch.ones(1)


def test_a_step_is_saved_though_the_next_batch_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch 2 cannot be read"):
        fit(tmp_path, 0.9, every=2, data=Unreadable())
    assert step(tmp_path, "last") == 2


def test_steps_are_saved_but_for_the_last_of_an_epoch_which_validation_follows(tmp_path: Path) -> None:
    _, module = fit(tmp_path, 0.9, 0.5, every=2)
    assert module.saved == [2, 4, 4, 6, 8]  # a step, then best and last after the first epoch; no best after the second
