"""OpenVINO's IR: FILE.xml with FILE.bin, for CPUs and Intel's accelerators."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from fastfcn.data.dataset import UInt8
from fastfcn.exporting.foreign_ir import require_plain_ir
from fastfcn.exporting.formats import Format, Opened, first_line
from fastfcn.exporting.manifest import KEY, Manifest
from fastfcn.exporting.onnx_format import OnnxFile, to_onnx
from fastfcn.exporting.runners import by_openvino
from fastfcn.models.segmenter import Segmenter
from fastfcn.optional import require


class OpenVinoFile(Format):
    """The ONNX model as OpenVINO reads it. bf16 and fp16 are what it is computed in; fp16 also halves the file."""

    suffix = ".xml"
    precisions = ("fp32", "bf16", "fp16", "int8")

    def require(self) -> None:
        """See Format."""
        OnnxFile().require()
        require("openvino", extra="export", what="format=openvino")

    def obstacle(self, network: Segmenter, manifest: Manifest) -> str | None:
        """See Format."""
        return OnnxFile().obstacle(network, manifest)

    def write(
        self, program: torch.export.ExportedProgram, manifest: Manifest, path: Path, calibration: Sequence[UInt8]
    ) -> None:
        """See Format."""
        openvino: Any = require("openvino", extra="export", what="format=openvino")
        content = to_onnx(program, manifest, calibration).SerializeToString()
        try:
            model = openvino.Core().read_model(content)
            model.set_rt_info(manifest.model_dump_json(), KEY)
            openvino.save_model(model, str(path), compress_to_fp16=manifest.precision == "fp16")
        except RuntimeError as error:
            raise ValueError(f"OpenVINO does not take the network: {first_line(error)}") from error

    def open(self, path: Path) -> Opened:
        """See Format."""
        manifest = require_plain_ir(path)
        return Opened(manifest, *by_openvino(path, manifest.precision, path))
