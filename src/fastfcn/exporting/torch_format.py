"""PyTorch's own: FILE.pt2, a traced program that `torch.export.load` brings back without this suite."""

from collections.abc import Sequence
from pathlib import Path

import torch

from fastfcn.data.dataset import UInt8
from fastfcn.exporting.formats import Array, Format, Opened, first_line
from fastfcn.exporting.manifest import KEY, Manifest, Precision, read_manifest

HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}
EXTRA = f"{KEY}.json"  # the manifest's name in the archive


class TorchFile(Format):
    """A traced program. To load one runs code that the file may hold, so that only what export.py just wrote is."""

    suffix = ".pt2"
    precisions = ("fp32", "bf16", "fp16")

    def require(self) -> None:
        """See Format."""

    def dtype(self, precision: Precision) -> torch.dtype:
        """See Format."""
        return HALVES.get(precision, torch.float32)

    def write(
        self, program: torch.export.ExportedProgram, manifest: Manifest, path: Path, calibration: Sequence[UInt8]
    ) -> None:
        """See Format."""
        try:
            torch.export.save(program, path, extra_files={EXTRA: manifest.model_dump_json()})
        except Exception as error:  # of which the serialiser may raise any
            raise ValueError(f"the network cannot be written as .pt2: {first_line(error)}") from error

    def open(self, path: Path) -> Opened:
        """See Format; only for files of one's own."""
        extra = {EXTRA: ""}
        module = torch.export.load(path, extra_files=extra).module()
        manifest = read_manifest(extra[EXTRA], path)

        def run(images: Array) -> Array:
            with torch.inference_mode():
                result: Array = module(torch.from_numpy(images)).numpy()
            return result

        return Opened(manifest, run, f"torch {torch.__version__}")
