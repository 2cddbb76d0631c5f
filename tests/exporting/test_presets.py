"""Every preset in every format, for any size and for one; and the parts that do not pass into a format."""

import copy
import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxscript", reason="the extra export is not installed")
pytest.importorskip("openvino", reason="the extra export is not installed")

from fastfcn.benchmarking.entries import build_entry
from fastfcn.composition import build, plain
from fastfcn.exporting.deployed import Deployed, trace
from fastfcn.exporting.export import require_exportable
from fastfcn.exporting.onnx_format import OnnxFile
from fastfcn.exporting.openvino_format import OpenVinoFile
from fastfcn.exporting.parity import EQUAL, EXACT, compare
from fastfcn.exporting.torch_format import TorchFile
from fastfcn.models.padding import Padding
from fastfcn.models.segmenter import Segmenter
from tests.exporting.examples import manifest
from tests.test_config import PRESETS

TINY = ("model.backbone.name=tu-test_resnet",)
FORMATS = ("onnx", "openvino", "torch")


def network(composed, *overrides: str) -> Segmenter:
    """Build a network whose statistics are not those of the beginning."""
    return build_entry(plain(composed(*overrides).model), 3)


def agreement(composed, network: Segmenter, name: str, folder: Path, **changed):
    """Export a network and compare it on two images."""
    format_ = build(plain(composed(f"format={name}", config_name="export").format), "format")
    told = manifest(mean=network.statistics.mean, std=network.statistics.std, **changed)
    require_exportable(network, told, format_)
    path = folder / f"x{format_.suffix}"
    deployed = Deployed(copy.deepcopy(network), told)
    format_.write(trace(deployed, told), told, path, [])
    images = [np.random.default_rng(0).integers(0, 256, (3, *size), dtype=np.uint8) for size in ((112, 144), (75, 130))]
    return compare(network, format_.open(path), images)


@pytest.mark.slow  # half a minute each
@pytest.mark.parametrize(("preset", "name", "size"), list(itertools.product(PRESETS, FORMATS, (None, (72, 100)))))
def test_a_preset_agrees_in_a_format(preset: str, name: str, size, composed, tmp_path: Path) -> None:
    made = network(composed, f"model={preset}", *(TINY if preset.endswith("jpu") else ("model/backbone=resnet18",)))
    parity = agreement(composed, made, name, tmp_path, size=size, batch=None if size is None else 1)
    assert parity.difference is not None
    assert parity.difference <= EXACT
    assert parity.equal >= EQUAL
    assert len(parity.sizes) == (6 if size is None else 1)


def test_what_cannot_pass_is_named_before_the_work(composed) -> None:
    made = network(composed, "model/upsampling=fapn", "model.upsampling.width=16", *TINY)
    told = manifest(mean=made.statistics.mean, std=made.statistics.std)
    for format_ in (OnnxFile(), OpenVinoFile()):
        with pytest.raises(ValueError, match=r"files cannot hold model/upsampling=fapn, .*format=torch can"):
            require_exportable(made, told, format_)
    require_exportable(made, told, TorchFile())
    made.backbone.padding = Padding(multiple=32, most=256)
    with pytest.raises(ValueError, match=r"wants images padded, .*give size=N"):
        require_exportable(made, told, TorchFile())
    require_exportable(made, manifest(size=(64, 64)), TorchFile())
    with pytest.raises(ValueError, match="takes images of up to 256x256"):
        require_exportable(made, manifest(size=(64, 512)), TorchFile())
