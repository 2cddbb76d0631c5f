"""What runs exported graphs: ONNX Runtime and OpenVINO, on the CPU."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from fastfcn.exporting.formats import Array, Runner, first_line
from fastfcn.exporting.manifest import Precision
from fastfcn.optional import require

HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}  # OpenVINO itself takes bfloat16 where it can


def by_onnxruntime(content: bytes, source: object) -> tuple[Runner, str]:
    """Return what runs an ONNX model, and its name and version. Raises ValueError, naming `source`, if it cannot."""
    runtime: Any = require("onnxruntime", extra="export", what="an .onnx file")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of onnxruntime's own kinds
        raise ValueError(f"{source} is nothing that ONNX Runtime runs: {first_line(error)}") from error
    name = session.get_inputs()[0].name
    run = partial(_run, lambda images: session.run(None, {name: images})[0], source)
    return run, f"onnxruntime {runtime.__version__}"


def by_openvino(graph: Path | bytes, precision: Precision, source: object) -> tuple[Runner, str]:
    """Return what runs an IR, or an ONNX model, and its name and version. Raises ValueError as `by_onnxruntime`."""
    openvino: Any = require("openvino", extra="export", what="an .xml file")
    parts = (graph,) if isinstance(graph, bytes) else (str(graph), str(graph.with_suffix(".bin")))
    options = {
        "INFERENCE_PRECISION_HINT": HINTS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    try:
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(*parts), "CPU", options)
    except RuntimeError as error:
        raise ValueError(f"{source} is nothing that OpenVINO runs: {first_line(error)}") from error
    run = partial(_run, lambda images: compiled(images)[0], source)
    return run, f"openvino {openvino.__version__.partition('-')[0]}"


def _run(call: Runner, source: object, images: Array) -> Array:
    try:
        return call(images)
    except Exception as error:  # of the software's own kinds
        raise ValueError(f"{source} cannot be run on images of {images.shape}: {first_line(error)}") from error
