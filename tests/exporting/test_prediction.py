"""predict.py by an exported file: one that is named, or one beside the checkpoint that is certified to be faster."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

pytest.importorskip("onnxscript", reason="the extra export is not installed")
pytest.importorskip("onnxruntime", reason="the extra export is not installed")

from fastfcn.composition import plain
from fastfcn.exporting.certificate import processor
from fastfcn.exporting.choice import faster_export
from fastfcn.prediction import engine
from fastfcn.prediction.engine import Engine
from fastfcn.prediction.journal import digest, read

WRITE = "write=[masks,probabilities]"


@pytest.fixture
def predict(tmp_path: Path, script, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Predict two images of different sizes into a folder; return what was said."""
    images = tmp_path / "images"
    images.mkdir()
    for index, size in enumerate(((40, 56, 3), (64, 35, 3))):
        pixels = np.random.default_rng(index).integers(0, 256, size, dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{index}.png")

    def call(name: str, *arguments: str) -> str:
        script("predict", f"images={images}", f"output={tmp_path}/{name}", "workers=0", WRITE, *arguments)
        return capfd.readouterr().out

    return call


@pytest.fixture
def beside(exported: Path, trained: Path, tmp_path: Path) -> Path:
    """A checkpoint with an export beside it whose certificate says that it is twice as fast."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for path in (trained / "checkpoints/best.ckpt", *exported.parent.glob("net.onnx*")):
        shutil.copy(path, folder)
    certify(folder)
    return folder / "best.ckpt"


def certify(folder: Path, **changed) -> None:
    """Change what the certificate says."""
    path = folder / "net.onnx.certificate.json"
    content = json.loads(path.read_text())
    costs = {"suite": {"milliseconds": {"median": 20.0}}, "file": {"milliseconds": {"median": 10.0}}}
    content |= {"threads": torch.get_num_threads(), "processor": processor(), **costs}
    export = content["export"] | changed.pop("export", {})
    path.write_text(json.dumps(content | changed | {"export": export}))


def test_a_file_predicts_as_its_checkpoint(predict, exported: Path, trained: Path, tmp_path: Path) -> None:
    predict("own", f"checkpoint={trained}/checkpoints/best.ckpt", "optimize=false")
    said = predict("file", f"model_file={exported}")
    assert said.startswith("onnxruntime ")
    assert f" predicts by {exported}\n" in said
    for name in ("0", "1"):
        own, file = (np.asarray(Image.open(tmp_path / place / f"masks/{name}.png")) for place in ("own", "file"))
        assert (own == file).mean() > 0.999
        own, file = (np.load(tmp_path / place / f"probabilities/{name}.npz")["probabilities"]
                     for place in ("own", "file"))  # fmt: skip
        np.testing.assert_allclose(own, file, atol=2e-3)
    settings, entries = read(tmp_path / "file/predictions.jsonl")
    assert settings["model_file"] == digest(exported)
    assert len(entries) == 2


def test_an_export_that_is_certified_to_be_faster_predicts(predict, beside: Path, tmp_path: Path) -> None:
    common = (f"checkpoint={beside}",)
    said = predict("auto", *common)
    assert " predicts by " in said
    assert "certified to be 2.0 times as fast here; model_file=null: PyTorch does" in said
    assert "2 were there" in predict("auto", *common, "model_file=null")


@pytest.mark.parametrize("asked", ["optimize=false", "precision=bf16-mixed", "protocol=multi_scale", "device=meta"])
def test_what_an_export_does_not_do_pytorch_does(asked: str, composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "device_of", lambda name, *_: torch.device("cpu" if name == "auto" else name))
    own = Engine(None, (), (), {}, {}, "", {})

    def replaced(*overrides: str) -> bool:
        config = composed("checkpoint=x", "images=x", "output=x", *overrides, config_name="predict")
        return engine._may_be_replaced(SimpleNamespace(**plain(config)), own, 0)

    assert replaced()
    assert not replaced(asked)


@pytest.mark.parametrize(
    "changed",
    [
        {"file": {"milliseconds": {"median": 17.0}}},
        {"file": None},
        {"threads": 99},
        {"processor": "another"},
        {"export": {"checkpoint": "ab" * 32}},
        {"export": {"precision": "int8"}},
        {"export": {"outputs": "labels"}},
        {"export": {"size": [64, 64]}},
        {"export": {"batch": 1}},
    ],
)
def test_other_exports_are_passed_over(changed, beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sha = digest(beside)
    assert faster_export(beside.parent, sha) is not None
    certify(beside.parent, **changed)
    assert faster_export(beside.parent, sha) is None
    assert not capsys.readouterr().out


def test_what_is_not_as_certified_is_told_and_left(beside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sha = digest(beside)
    (beside.parent / "net.onnx").write_bytes(b"another")
    assert faster_export(beside.parent, sha) is None
    assert "net.onnx is not the file that its certificate is about" in capsys.readouterr().out
    certify(beside.parent, files={"net.onnx": {"sha256": digest(beside.parent / "net.onnx")}})
    assert faster_export(beside.parent, sha) is None
    assert "PyTorch predicts, for " in capsys.readouterr().out
    (beside.parent / "net.onnx.certificate.json").write_text('{"format": 1}')
    assert faster_export(beside.parent, sha) is None
    assert "is no certificate that export.py wrote" in capsys.readouterr().out


def test_what_a_file_cannot_do_is_one_line(exported: Path, trained: Path, tmp_path: Path, fails) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "image.png")
    common = (f"images={tmp_path}/image.png", f"output={tmp_path}/out")
    cases = {
        (): "checkpoint must be given",
        (f"model_file={exported}", f"checkpoint={trained}/checkpoints/best.ckpt"): "leave one of the two out",
        (f"model_file={exported}", "temperature=calibrated"): "give temperature=NUMBER",
        (f"model_file={exported}", "precision=bf16-mixed"): "leave precision= and device= out",
        (f"model_file={exported}", "device=cuda"): "leave precision= and device= out",
        (f"model_file={tmp_path}/image.png",): "ends in none of .onnx, .xml",
        (f"model_file={tmp_path}/no.onnx",): "no file at",
    }
    for arguments, message in cases.items():
        assert message in fails("predict", *common, *arguments)
    assert not (tmp_path / "out").exists()
