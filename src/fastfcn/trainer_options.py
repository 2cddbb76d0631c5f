"""Ranges of Lightning's Trainer options, which its signature does not state."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import with_config
from typing_extensions import TypedDict

from fastfcn.fitting import OPEN
from fastfcn.options import AtLeastOne, Count, NotNegative, holds

PARALLEL = ("auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false")


def _some(value: Any) -> bool:
    return value is None or (type(value) is int and value >= 1) or (type(value) is float and 0 < value <= 1)


def _is_parallel(value: Any) -> bool:
    """Leave out FSDP and DeepSpeed, whose checkpoints are not those that the suite reads."""
    return isinstance(value, Mapping) or value in PARALLEL


Batches = Annotated[Any, holds("1 or more batches, or a fraction such as 0.5", _some)]
Steps = Annotated[int, holds("1 or more, or -1 for no limit", lambda value: value == -1 or value >= 1)]
Off = Annotated[bool, holds("false: the suite's runs need what it switches off", lambda value: not value)]
Strategy = Annotated[Any, holds("auto or ddp (trainer=ddp has its options)", _is_parallel)]
On = Annotated[bool, holds("true: the suite's runs need it", bool)]


@with_config(OPEN)
class EvaluationTrainer(TypedDict):
    """The trainer of conf/evaluate.yaml. What is not here goes to Lightning as it is."""

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    limit_test_batches: NotRequired[Batches]
    enable_progress_bar: NotRequired[bool]
    strategy: NotRequired[Strategy]
    fast_dev_run: NotRequired[Off]
    barebones: NotRequired[Off]
    inference_mode: NotRequired[bool]


@with_config(OPEN)
class TrainingTrainer(EvaluationTrainer):
    """The trainer of conf/trainer/*.yaml."""

    precision: Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "bf16", 16, 32, 64]
    accumulate_grad_batches: AtLeastOne
    check_val_every_n_epoch: AtLeastOne
    log_every_n_steps: AtLeastOne
    enable_progress_bar: bool  # type: ignore[misc]  # read here as well
    gradient_clip_val: NotRequired[NotNegative | None]
    gradient_clip_algorithm: NotRequired[Literal["norm", "value"] | None]
    limit_train_batches: NotRequired[Batches]
    limit_val_batches: NotRequired[Batches]
    val_check_interval: NotRequired[Batches]
    max_steps: NotRequired[Steps]
    min_steps: NotRequired[Count | None]
    min_epochs: NotRequired[Count | None]
    enable_checkpointing: NotRequired[On]
    reload_dataloaders_every_n_epochs: NotRequired[Count]
