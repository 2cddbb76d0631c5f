"""What must hold of every hostile file: one line, soon, in little memory; nothing is executed, written or removed."""

import copy
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

MOST_SECONDS, MOST_MEMORY = 20, 2**20  # KiB, as ru_maxrss counts on Linux
LONGEST_LINE = 2000

Change = Callable[[Any], Any]


class Mark:
    """Pickled code that would leave the file at `path`, if it ran."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture(scope="session")
def _content(trained: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    return content


@pytest.fixture
def content(_content: dict[str, Any]) -> dict[str, Any]:
    """What a trained checkpoint holds, to be changed; tensors are shared with other tests and are to be replaced."""
    return copy.deepcopy(_content, {id(each): each for each in _tensors(_content)})


def _tensors(node: Any) -> list[torch.Tensor]:
    if isinstance(node, torch.Tensor):
        return [node]
    inner = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    return [tensor for each in inner for tensor in _tensors(each)]


@pytest.fixture
def hostile(content: dict[str, Any], tmp_path: Path) -> Callable[[Change], Path]:
    """Write a trained checkpoint after a change."""

    def write(change: Change) -> Path:
        change(content)
        torch.save(content, tmp_path / "evil.ckpt")
        return tmp_path / "evil.ckpt"

    return write


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Call a function that must refuse a file, and return its one line."""

    def call(function: Callable[..., Any], *arguments: Any) -> str:
        before = sorted(tmp_path.rglob("*"))
        peak, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        with pytest.raises(ValueError, match=r"(?s)\S") as caught:
            function(*arguments)
        assert type(caught.value) is ValueError
        line = str(caught.value)
        assert "\n" not in line
        assert len(line) < LONGEST_LINE
        assert time.monotonic() - started < MOST_SECONDS
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MOST_MEMORY
        assert sorted(tmp_path.rglob("*")) == before
        return line

    return call
