"""Out of memory, by whoever says so, is one line with the remedy."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fastfcn.evaluation.protocols import FullImage
from fastfcn.out_of_memory import explain, is_out_of_memory
from fastfcn.training.module import SegmentationModule
from tests.conftest import TINY_RUN


def exhausted(*_: object, **__: object) -> None:
    torch.empty(2**56)


@pytest.mark.parametrize("allocate", [exhausted, lambda: np.empty(2**56), lambda: bytearray(2**56)])
def test_what_libraries_raise_is_recognised(allocate) -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        allocate()
    assert is_out_of_memory(caught.value)
    assert explain(caught.value, "train").startswith("out of memory")


@pytest.mark.parametrize(
    ("error", "known"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has ..."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), True),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), False),
        (KeyboardInterrupt("out of memory"), False),
    ],
)
def test_what_is_no_lack_of_memory_is_not(error: BaseException, known: bool) -> None:
    assert is_out_of_memory(error) is known


def test_the_line_says_how_much_and_what_to_do() -> None:
    line = explain(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 ..."), "train")
    assert line.startswith("out of memory (20.00 MiB asked for at once): lower recipe.batch_size")


def test_training_and_evaluation_end_with_one_line(
    trained: Path, tmp_path: Path, fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SegmentationModule, "training_step", exhausted)
    line = fails("train", "model=encnet_jpu", *TINY_RUN, f"hydra.run.dir={tmp_path}/t")
    assert "asked for at once): lower recipe.batch_size or augmentation.crop_size, set" in line
    monkeypatch.setattr(FullImage, "labels", exhausted)
    line = fails("evaluate", f"checkpoint={trained}/checkpoints/best.ckpt", "workers=0", f"hydra.run.dir={tmp_path}/e")
    assert "protocol=single_scale goes over a large image in windows" in line
