"""Switches of precision reach PyTorch, and every script sets them."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from fastfcn.composition import plain
from fastfcn.numerics import Numerics, set_numerics
from fastfcn.training.config import read_config


def switches() -> dict[str, Any]:
    cudnn = torch.backends.cudnn
    return {
        "matmul_precision": torch.get_float32_matmul_precision(),
        "cudnn_allow_tf32": cudnn.allow_tf32,
        "cudnn_benchmark": cudnn.benchmark,
        "cudnn_deterministic": cudnn.deterministic,
    }


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = switches()
    yield
    Numerics(**before).apply()


@pytest.mark.parametrize("choice", ["fast", "paper"])
def test_a_choice_reaches_pytorch(choice: str, composed) -> None:
    node = plain(composed(f"numerics={choice}", "numerics.cudnn_deterministic=true").numerics)
    set_numerics(node)
    fast = choice == "fast"
    assert switches() == {
        "matmul_precision": "high" if fast else "highest",
        "cudnn_allow_tf32": fast,
        "cudnn_benchmark": fast,
        "cudnn_deterministic": True,
    }


def test_a_value_that_pytorch_lacks_is_refused(composed) -> None:
    settings = read_config(composed("numerics.matmul_precision=tf32"))
    with pytest.raises(ValueError, match=r"numerics.matmul_precision=tf32 does not fit: input should be 'highest'"):
        set_numerics(settings.numerics)


class Seen(BaseException):
    """Ends a script once it has set them."""


@pytest.mark.parametrize(
    ("package", "command", "needed"),
    [
        ("training", "train", ()),
        ("evaluation", "evaluate", ("checkpoint=x",)),
        ("evaluation", "predict", ("checkpoint=x", "images=x")),
        ("evaluation", "calibrate", ("checkpoint=x",)),
        ("benchmarking", "benchmark", ()),
    ],
)
def test_every_script_sets_them(
    package: str, command: str, needed: tuple[str, ...], script, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def see(node: Any) -> None:
        raise Seen(node["cudnn_benchmark"])

    monkeypatch.setattr(f"fastfcn.{package}.{command}.set_numerics", see)
    folder = {"predict": (f"output={tmp_path}/out",), "calibrate": ()}.get(command, (f"hydra.run.dir={tmp_path}/run",))
    with pytest.raises(Seen, match="True"):
        script(command, *needed, *folder, "numerics=fast")
