"""What is computed in 8 bits."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
pytest.importorskip("onnxruntime", reason="the extra export is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from fastfcn.exporting.quantisation import kept_in_float, quantise  # noqa: E402
from tests.exporting.examples import manifest  # noqa: E402


def chain() -> onnx.ModelProto:
    """Make five convolutions, the third of them depthwise, of images in 0..1."""
    weights, nodes, rng = [], [], np.random.default_rng(0)
    for index, group in enumerate((1, 1, 3, 1, 1)):
        weights.append(numpy_helper.from_array(rng.normal(size=(3, 3 // group, 1, 1)).astype(np.float32), f"w{index}"))
        inputs = ["images" if index == 0 else f"x{index - 1}", f"w{index}"]
        output = "logits" if index == 4 else f"x{index}"
        nodes.append(helper.make_node("Conv", inputs, [output], name=f"conv{index}", group=group))
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 3, "h", "w"]) for name in ("images", "logits")
    ]
    graph = helper.make_graph(nodes, "chain", values[:1], values[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_ends_and_depthwise_convolutions_stay_in_float() -> None:
    assert sorted(kept_in_float(chain())) == ["conv0", "conv2", "conv4"]


def test_the_others_are_of_8_bits_with_a_scale_a_channel() -> None:
    images = [np.random.default_rng(seed).integers(0, 256, (3, 8, 8), dtype=np.uint8) for seed in range(3)]
    made = quantise(chain(), manifest(input="float"), images)
    stored = {each.name: each for each in made.graph.initializer}
    kinds = {name: each.data_type for name, each in stored.items() if name.startswith("w") and "quantized" in name}
    assert kinds == {"w1_quantized": TensorProto.INT8, "w3_quantized": TensorProto.INT8}
    assert list(stored["w1_scale"].dims) == [3]
