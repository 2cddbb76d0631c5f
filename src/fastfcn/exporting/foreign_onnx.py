"""What an ONNX graph that may come from anyone may hold: operators of networks for segmentation, and its own data."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MOST_BYTES = 2**31 - 1  # protobuf's own limit
MOST_NODES = 50_000
MOST_VALUES = 2**29  # of a tensor
NUMBERS = ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")

OPERATORS = """
Abs Add And ArgMax AveragePool BatchNormalization Cast CastLike Ceil Clip Concat Constant ConstantOfShape Conv
ConvTranspose DepthToSpace DequantizeLinear Div Einsum Elu Equal Erf Exp Expand Flatten Floor Gather GatherElements
GatherND Gelu Gemm GlobalAveragePool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish
Identity InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Min
Mish Mod Mul Neg Not Or PRelu Pad Pow QuantizeLinear Range Reciprocal ReduceL2 ReduceMax ReduceMean ReduceSum
ReduceSumSquare Relu Reshape Resize Round Shape Sigmoid Sign Size Slice Softmax Softplus SpaceToDepth Split Sqrt
Squeeze Sub Sum Swish Tanh Tile Transpose Unsqueeze Where
"""


def require_plain_onnx(model: Any, path: Path) -> None:
    """Raise ValueError unless a model holds known operators, no functions or subgraphs, and all of its own data."""
    graph = model.graph
    if model.functions or model.training_info or graph.sparse_initializer:
        raise ValueError(f"{path} holds functions, training or sparse data, which no export here does; refused")
    if len(graph.node) > MOST_NODES or len(graph.input) != 1 or len(graph.output) != 1:
        raise ValueError(f"{path} is no graph of one input and one output as export.py writes it; refused")
    _require_known(((node.op_type, node.domain) for node in graph.node), path)
    tensors = list(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g") or attribute.graphs or attribute.HasField("sparse_tensor"):
                raise ValueError(f"{path} holds a graph within a graph, which no export here does; refused")
            tensors.extend([*attribute.tensors, *([attribute.t] if attribute.HasField("t") else [])])
    for tensor in tensors:
        _require_backed(tensor, path)


def _require_known(operators: Iterable[tuple[str, str]], path: Path) -> None:
    known = frozenset(OPERATORS.split())
    for operator, domain in operators:
        if domain not in ("", "ai.onnx") or operator not in known:
            named = f"{domain}.{operator}"[:100].lstrip(".")
            raise ValueError(f"{path} holds the operator {named!r}, which no export here does; refused")


def _require_backed(tensor: Any, path: Path) -> None:
    """Raise ValueError if data is said to lie in another file, or is less than its shape says."""
    if tensor.external_data or tensor.data_location == tensor.EXTERNAL:
        raise ValueError(f"{path} says that data of it lies in other files, which are not read; refused")
    count = math.prod(tensor.dims) if min(tensor.dims, default=0) >= 0 else -1
    held = len(tensor.raw_data) + sum(len(getattr(tensor, field)) for field in NUMBERS)
    if not 0 <= count <= MOST_VALUES or 2 * held < count:  # two 4-bit numbers may share a byte
        raise ValueError(f"{path} holds a tensor that its data does not fill; refused")
