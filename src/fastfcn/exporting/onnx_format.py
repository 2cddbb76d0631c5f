"""ONNX: the format that most software reads; run here by ONNX Runtime."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from fastfcn.data.dataset import UInt8
from fastfcn.exporting.foreign_onnx import MOST_BYTES, require_plain_onnx
from fastfcn.exporting.formats import Format, Opened, first_line
from fastfcn.exporting.manifest import KEY, Manifest, read_manifest
from fastfcn.exporting.quantisation import quantise
from fastfcn.exporting.runners import by_onnxruntime
from fastfcn.models.segmenter import Segmenter
from fastfcn.models.upsampling.fapn import FaPN
from fastfcn.optional import require
from fastfcn.reading import read_bytes

if TYPE_CHECKING:
    import onnx

IMAGES = "images"  # what the only input is called
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
LOGGERS = ("torch.onnx", "onnx_ir", "onnxscript")  # which tell of every pass over the graph


class OnnxFile(Format):
    """One .onnx file with its weights inside, by PyTorch's exporter for traced programs, checked by onnx."""

    suffix = ".onnx"
    precisions = ("fp32", "int8")

    def require(self) -> None:
        """See Format."""
        for package in PACKAGES:
            require(package, extra="export", what="format=onnx")

    def obstacle(self, network: Segmenter, manifest: Manifest) -> str | None:
        """See Format."""
        if isinstance(network.upsampling, FaPN):
            return "model/upsampling=fapn, whose deformable convolution is an operator of torchvision"
        return None

    def write(
        self, program: torch.export.ExportedProgram, manifest: Manifest, path: Path, calibration: Sequence[UInt8]
    ) -> None:
        """See Format."""
        path.write_bytes(to_onnx(program, manifest, calibration).SerializeToString())

    def open(self, path: Path) -> Opened:
        """See Format."""
        self.require()
        manifest, content = read_onnx(path)
        return Opened(manifest, *by_onnxruntime(content, path))


def to_onnx(
    program: torch.export.ExportedProgram, manifest: Manifest, calibration: Sequence[UInt8]
) -> "onnx.ModelProto":
    """Turn a traced network into an ONNX model that says of itself what `manifest` does."""
    onnx: Any = require("onnx", extra="export", what="export.py")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of versions of operators, and of what the next release will call them
            for name in LOGGERS:
                logging.getLogger(name).setLevel(logging.ERROR)
            exported = torch.onnx.export(
                program, (), dynamo=True, verbose=False, input_names=[IMAGES], output_names=[manifest.outputs]
            )
        assert exported is not None
        model = exported.model_proto
        _forget_places(model)
        if manifest.precision == "int8":
            model = quantise(model, manifest, calibration)
        onnx.helper.set_model_props(model, {KEY: manifest.model_dump_json()})
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # of which exporter and checker may raise any
        raise ValueError(f"the network cannot be written as ONNX: {first_line(error)}") from error
    return model


def read_onnx(path: Path) -> tuple[Manifest, bytes]:
    """Read an ONNX file, which may come from anyone, as its manifest and its content."""
    onnx: Any = require("onnx", extra="export", what=f"{path}")
    content = read_bytes(path, MOST_BYTES)
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's
        raise ValueError(f"{path} is no ONNX file, or a truncated one") from error
    require_plain_onnx(model, path)
    texts = [entry.value for entry in model.metadata_props if entry.key == KEY]
    return read_manifest(texts[0] if len(texts) == 1 else None, path), content


def _forget_places(model: "onnx.ModelProto") -> None:
    """Leave out what only debugging needs, which names files of this machine."""
    graph = model.graph
    for part in (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output, graph, model):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
