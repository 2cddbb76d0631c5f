"""Files from anyone: graphs that hold more than a network for segmentation are refused in one line, and not run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra export is not installed")
pytest.importorskip("onnxruntime", reason="the extra export is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from fastfcn.exporting.manifest import KEY  # noqa: E402
from fastfcn.exporting.opening import open_model_file  # noqa: E402
from tests.exporting.examples import manifest  # noqa: E402


def model(*nodes: Any, initializers: tuple[Any, ...] = (), text: str | None = None) -> Any:
    """Make a model of images to scores, by default their values as floats."""
    shape = ["b", 3, "h", "w"]
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Cast", ["images"], ["logits"], to=TensorProto.FLOAT)], "graph",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)], list(initializers),
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    helper.set_model_props(made, {KEY: manifest().model_dump_json() if text is None else text})
    return made


def unbacked(_: Path) -> Any:
    tensor = TensorProto(name="bias", data_type=TensorProto.FLOAT, dims=[2**40])
    return model(initializers=(tensor,))


def external(folder: Path) -> Any:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "bias")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=str(folder / "secret"))
    return model(initializers=(tensor,))


def with_function(_: Path) -> Any:
    made = model()
    made.functions.add(name="f", domain="mine")
    return made


def looping(_: Path) -> Any:
    body = helper.make_graph([], "body", [], [])
    return model(helper.make_node("Identity", ["images"], ["logits"], body=body))


CASES: list[tuple[Callable[[Path], Any], str]] = [
    (unbacked, "its data does not fill"),
    (external, "in other files"),
    (with_function, "holds functions"),
    (looping, "a graph within a graph"),
    (lambda _: model(helper.make_node("Loop", ["images"], ["logits"])), "holds the operator 'Loop'"),
    (lambda _: model(helper.make_node("Relu", ["images"], ["logits"], domain="evil")), "the operator 'evil.Relu'"),
    (lambda _: model(text="{}"), "does not describe itself"),
    (lambda _: model(helper.make_node("Conv", ["images", "none"], ["logits"])), "nothing that ONNX Runtime runs"),
]


@pytest.mark.parametrize(("make", "message"), CASES)
def test_a_graph_that_holds_more_is_refused(make: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(make(tmp_path).SerializeToString())
    with pytest.raises(ValueError, match=message) as error:
        open_model_file(path)
    assert "\n" not in str(error.value)


def test_a_plain_graph_runs(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(model().SerializeToString())
    opened = open_model_file(path)
    images = np.arange(24, dtype=np.uint8).reshape(1, 3, 2, 4)
    np.testing.assert_array_equal(opened.run(images), images.astype(np.float32))
    assert opened.manifest == manifest()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.onnx", b"\x00garbage", "is no ONNX file"),
        ("x.pt2", b"PK", "runs code that it may hold"),
        ("x.bin", b"", "ends in none of .onnx, .xml"),
        ("x.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><net/>", "declarations of XML"),
        ("x.xml", b"<net><layers>", "is no XML"),
        ("x.xml", b"<net><layers/></net>", "no graph of OpenVINO"),
        ("x.xml", b"<net><layers><layer type='If' version='opset8'/></layers></net>", "the operator 'opset8.If'"),
        ("x.xml", b"<net><layers><layer type='Relu' version='extension'/></layers></net>", "'extension.Relu'"),
        ("x.xml", b"<net><layers><layer type='Result' version='opset1'/></layers></net>", "was not made by export"),
    ],
)
def test_what_is_no_such_file_is_told(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        open_model_file(tmp_path / name)
