"""What a graph of OpenVINO that may come from anyone may hold: operators of networks for segmentation, in plain XML."""

import re
from pathlib import Path
from xml.etree import ElementTree

from fastfcn.exporting.manifest import KEY, Manifest, read_manifest
from fastfcn.reading import read_bytes

MOST_BYTES = 50_000_000  # of the XML; numbers lie beside it
MOST_LAYERS = 50_000

OPERATORS = """
Abs Add AvgPool BatchNormInference Broadcast Ceiling Clamp Concat Const Convert ConvertLike Convolution
ConvolutionBackpropData DepthToSpace Divide Einsum Elu Equal Erf Exp FakeQuantize Floor FloorMod Gather GatherElements
GatherND Gelu Greater GreaterEqual GridSample GroupConvolution GroupConvolutionBackpropData GroupNormalization
HSigmoid HSwish HardSigmoid Interpolate Less LessEqual Log LogSoftmax LogicalAnd LogicalNot LogicalOr MVN MatMul
MaxPool Maximum Minimum Mish Mod Multiply Negative NormalizeL2 PRelu Pad Parameter Power Range ReLU ReduceL1 ReduceL2
ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum Reshape Result Round Select ShapeOf Sigmoid Sign Slice SoftMax
SoftPlus Softmax SpaceToDepth Split Sqrt SquaredDifference Squeeze StridedSlice Subtract Swish Tanh Tile TopK
Transpose Unsqueeze VariadicSplit
"""


def require_plain_ir(path: Path) -> Manifest:
    """Return the manifest of an OpenVINO graph. Raises ValueError unless it is of known operators, in plain XML."""
    content = read_bytes(path, MOST_BYTES)
    if b"<!" in content:
        raise ValueError(f"{path} holds declarations of XML, which no export here does; refused")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is no XML: {error}") from error
    layers = root.findall("layers/layer")
    if root.tag != "net" or not 0 < len(layers) <= MOST_LAYERS:
        raise ValueError(f"{path} is no graph of OpenVINO as export.py writes it; refused")
    known = frozenset(OPERATORS.split())
    for layer in layers:
        kind, version = str(layer.get("type")), str(layer.get("version"))
        if kind not in known or not re.fullmatch(r"opset\d+", version):
            raise ValueError(
                f"{path} holds the operator {f'{version}.{kind}'[:100]!r}, which no export here does; refused"
            )
    entry = root.find(f"rt_info/{KEY}")
    return read_manifest(None if entry is None else entry.get("value"), path)
