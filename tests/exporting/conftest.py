"""A file that several tests read."""

from pathlib import Path

import pytest

from tests.conftest import call

SPLIT = ("split=test", "workers=0")


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file of the tiny network, with its certificate."""
    path = tmp_path_factory.mktemp("exported") / "net.onnx"
    call("export", f"checkpoint={trained}/checkpoints/best.ckpt", f"output={path}", *SPLIT, "compare=2", "rounds=0",
         "score=test")  # fmt: skip
    return path
