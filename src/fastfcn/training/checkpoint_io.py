"""How a training writes its checkpoints."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

from fastfcn.files import write_atomically

HELD = "held"  # the storage option of a checkpoint that waits for write_held


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it, so that a killed run leaves the last whole one."""

    def __init__(self) -> None:
        super().__init__()
        self._held: tuple[Path, bytes] | None = None

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write `checkpoint` to `path`, or take it as it is now for `write_held`."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        if storage_options == HELD:
            self._held = Path(path), buffer.getvalue()
        else:
            write_atomically(Path(path), buffer.getvalue())

    def write_held(self) -> None:
        """Write the checkpoint that waits, if one does."""
        held, self._held = self._held, None
        if held is not None:
            write_atomically(*held)
