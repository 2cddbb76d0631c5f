"""Released checkpoints and pretrained weights from anyone: for import_checkpoint.py and model.backbone.weights=."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from fastfcn.foreign_weights import read_weights
from fastfcn.importing.import_checkpoint import ImportConfig, rebuild
from fastfcn.models.backbone import Backbone
from fastfcn.models.pretrained import load_pretrained
from tests.golden.generated import GOLDEN

SOURCES: dict[str, tuple[str, dict[str, Any], str]] = {  # family, tensors that are replaced, what the line says
    "a classifier of one number": ("fastfcn", {"head.conv6.1.weight": torch.tensor(1.0)}, "is a single number"),
    "codewords of one number": (
        "fastfcn", {"head.encmodule.encoding.3.codewords": torch.tensor(1.0)}, "is a single number"),
    "a convolution that is a vector": ("fastfcn", {"head.conv5.0.weight": torch.zeros(512)}, "that of no convolution"),
    "a width of nothing": ("fastfcn", {"jpu.conv5.0.weight": torch.empty(0, 2048, 3, 3)}, "width must be between"),
    "ten million classes in no memory": (
        "fastfcn", {"head.conv6.1.weight": torch.empty(10**7, 0, 1, 1)}, "2 to 255 are allowed"),
    "a width of 20000 in no memory": (
        "fastfcn", {"jpu.conv5.0.weight": torch.empty(20_000, 0, 3, 3)}, "of another shape"),
    "a part of one row": ("mmseg", {"neck.dilation_layers.0.0.depthwise_conv.conv.weight": torch.zeros(1)}, "shape"),
    "joined maps in no memory": (
        "mmseg", {"neck.conv_layers.2.0.conv.weight": torch.empty(1, 0, 3, 3),
                  "neck.dilation_layers.0.0.depthwise_conv.conv.weight": torch.empty(10**7, 0, 3, 3)}, "shape"),
    "an auxiliary classifier of one number": (
        "mmseg", {"decode_head.conv_seg.weight": torch.tensor(1.0)}, "is a single number"),
}  # fmt: skip
NAMES = {
    "fastfcn": "encnet_resnet50_jpu",
    "mmseg": "fastfcn_r50-d32_jpu_enc_4xb2-80k_cityscapes-512x1024",
}


def zeros(family: str) -> dict[str, Tensor]:
    """A released network's tensors, in no memory."""
    rows = json.loads((GOLDEN / family / f"{NAMES[family]}.keys.json").read_text())
    kinds = {True: torch.int64, False: torch.float32}
    return {
        key: torch.zeros((), dtype=kinds[key.endswith("num_batches_tracked")]).expand(shape) for key, shape, *_ in rows
    }


@pytest.mark.parametrize("attack", SOURCES)
def test_hostile_sources_are_one_line(attack: str, refused, tmp_path: Path) -> None:
    family, replaced, message = SOURCES[attack]
    options = ImportConfig(source="source.pth", output="out.ckpt", output_stride=None, data={"_target_": None})
    assert message in refused(rebuild, {**zeros(family), **replaced}, Path("source.pth"), options)


READ: dict[str, tuple[Any, str]] = {
    "a list": ([1], "holds no state_dict of named tensors: state_dict is NoneType"),
    "a tensor": (torch.zeros(1), "state_dict is NoneType"),
    "a number among tensors": ({"a": torch.zeros(1), "b": 1}, "state_dict.b is int"),
    "numbers for names": ({1: torch.zeros(1)}, "state_dict.1 is Tensor, no named tensor"),
    "dicts in a state dict": ({"state_dict": {"a": {}}}, "state_dict.a is dict"),
    "no tensors": ({"state_dict": {}}, "it is empty"),
    "one number everywhere": ({"a": torch.zeros(1).expand(10**9)}, "repeat few values, first a"),
}


@pytest.mark.parametrize("attack", READ)
def test_sources_without_named_tensors_are_one_line(attack: str, tmp_path: Path, refused) -> None:
    content, message = READ[attack]
    torch.save(content, tmp_path / "source.pth")
    assert message in refused(read_weights, tmp_path / "source.pth")


@pytest.fixture(scope="module")
def encoder() -> dict[str, Tensor]:
    return Backbone("tu-test_resnet").encoder.state_dict()


FIRST = "model.conv1.0.weight"
PRETRAINED: dict[str, tuple[Callable[[Tensor], Tensor | None], str]] = {
    "not a number": (lambda old: old * float("nan"), f"hold NaN or infinity and are of no use: not finite {FIRST}"),
    "whole numbers": (lambda old: old.long(), f"1 tensors are missing or of another shape, first {FIRST}"),
    "another shape": (lambda old: old[:1], f"1 tensors are missing or of another shape, first {FIRST}"),
    "a single number": (lambda _: torch.tensor(1.0), f"1 tensors are missing or of another shape, first {FIRST}"),
    "none": (lambda _: None, f"1 tensors are missing or of another shape, first {FIRST}"),
}


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("attack", PRETRAINED)
def test_hostile_pretrained_weights_are_one_line(
    attack: str, suffix: str, encoder: dict[str, Tensor], tmp_path: Path, refused
) -> None:
    replace, message = PRETRAINED[attack]
    changed = {**encoder, FIRST: replace(encoder[FIRST])}
    weights = {name: tensor for name, tensor in changed.items() if tensor is not None}
    path = tmp_path / f"weights.{suffix}"
    save_file(weights, path) if suffix == "safetensors" else torch.save(weights, path)
    assert message in refused(load_pretrained, Backbone("tu-test_resnet", weights=str(path)))


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


SAFETENSORS = {
    "a header of a terabyte": struct.pack("<Q", 2**40),
    "a header that is no JSON": safetensors(b"hello"),
    "a header nested deep": safetensors(b"[" * 10**5),
    "a tensor of a terabyte": safetensors({"a": {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 2**40]}}),
    "a tensor outside": safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [100, 116]}}, bytes(16)),
    "tensors that overlap": safetensors(
        {name: {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} for name in "ab"}, bytes(16)
    ),
    "an unknown kind": safetensors({"a": {"dtype": "X9", "shape": [4], "data_offsets": [0, 16]}}, bytes(16)),
    "quarters of bytes": safetensors({"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}, bytes(2)),
    "numbers of eight bits": safetensors({"a": {"dtype": "F8_E8M0", "shape": [4], "data_offsets": [0, 4]}}, bytes(4)),
    "nothing": b"",
}


@pytest.mark.parametrize("attack", SAFETENSORS)
def test_hostile_safetensors_are_one_line(attack: str, tmp_path: Path, refused) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(SAFETENSORS[attack])
    assert "weights.safetensors" in refused(load_pretrained, Backbone("tu-test_resnet", weights=str(path)))
