"""What an attack may cost: a line, a second or some, and little memory."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import torch

from fastfcn.benchmarking.peak_memory import peak_memory

SECONDS, BYTES = 20, 1 << 30


def refusal(work: Callable[[], object], *, most: int = BYTES) -> str:
    """Do what must be refused, within these bounds, and return the one line that says why."""
    lines: list[str] = []

    def refused() -> None:
        try:
            work()
        except (ValueError, OSError) as error:
            lines.append(str(error))

    began = time.perf_counter()
    taken = peak_memory(refused, torch.device("cpu"))
    assert time.perf_counter() - began < SECONDS
    assert taken is None or taken < most
    assert lines, "it was not refused"
    assert not re.search(r"[\n\r\x00\x1b]", lines[0]), "more than one line, or what a terminal would obey"
    assert len(lines[0]) < 600
    return lines[0]


def files_in(folder: Path) -> set[str]:
    """Name every file below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
