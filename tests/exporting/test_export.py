"""export.py from the command line to the score of the file."""

import json
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("onnxscript", reason="the extra export is not installed")
pytest.importorskip("onnxruntime", reason="the extra export is not installed")

from fastfcn import load_network
from fastfcn.checkpoints import network_of, read_checkpoint
from fastfcn.exporting import certificate, export
from fastfcn.exporting.config import ExportConfig
from fastfcn.exporting.onnx_format import OnnxFile
from fastfcn.exporting.opening import open_model_file
from fastfcn.models.inference import FastSegmenter
from fastfcn.models.normalisation import Statistics
from tests.exporting.conftest import SPLIT
from tests.exporting.test_parity import AGREED, ASKED

DATA = ("data=shapes", "data.size=64", "+data.test_images=3")


def evaluate(script, tmp_path: Path, name: str, *arguments: str) -> dict:
    script("evaluate", *arguments, *SPLIT, "pictures=0", f"hydra.run.dir={tmp_path}/{name}")
    return json.loads((tmp_path / name / "result.json").read_text())


@pytest.mark.parametrize("protocol", ["full", "multi_scale"])
def test_a_file_scores_as_its_checkpoint(protocol: str, exported: Path, trained: Path, tmp_path: Path, script) -> None:
    checkpoint, chosen = trained / "checkpoints" / "best.ckpt", (f"protocol={protocol}", "numerics=paper")
    own = evaluate(script, tmp_path, "own", f"checkpoint={checkpoint}", "optimize=false", *chosen)
    file = evaluate(script, tmp_path, "file", f"model_file={exported}", *DATA, *chosen)
    assert file["metrics"] == pytest.approx(own["metrics"], abs=1e-6 if protocol == "full" else 0.02)  # rounded bytes
    assert {key: file[key] for key in ("model", "parameters", "gflops")} == {
        key: own[key] for key in ("model", "parameters", "gflops")
    }
    assert file["model_file"] == str(exported)
    assert file["engine"].startswith("onnxruntime ")


def test_a_certificate_says_what_was_measured(exported: Path) -> None:
    content = json.loads(exported.with_name("net.onnx.certificate.json").read_text())
    assert content["parity"]["difference"] <= 1e-4
    assert content["parity"]["equal"] >= 0.9999
    assert content["parity"]["sizes"] == [[64, 64], [33, 33], [49, 49]]
    assert content["score"]["file"] == pytest.approx(content["score"]["checkpoint"], abs=1e-6)
    assert content["score"]["images"] == 3
    assert content["files"]["net.onnx"]["bytes"] == exported.stat().st_size
    page = exported.with_name("net.onnx.certificate.md").read_text()
    assert "of any size, any batch" in page
    assert "| points lost | 0.00 |" in page


def test_a_file_says_by_what_it_normalises(trained: Path) -> None:
    checkpoint = read_checkpoint(trained / "checkpoints" / "best.ckpt")
    network = network_of(checkpoint)
    network.statistics = Statistics((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    told = export.describe(checkpoint, network, ExportConfig(**ASKED))
    assert (told.mean, told.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert told.classes == checkpoint.description.classes


def test_images_of_training_calibrate(trained: Path, tmp_path: Path, fails, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(export, "pick", lambda _data, split, count: asked.append((split, count)) or [])
    monkeypatch.setattr(export, "trace", lambda *_: (_ for _ in ()).throw(ValueError("far enough")))
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    assert "far enough" in fails("export", checkpoint, f"output={tmp_path}/x.onnx", "precision=int8", "calibration=7")
    assert asked == [("val", 8), ("train", 7)]
    assert not list(tmp_path.iterdir())


def test_a_score_is_that_of_the_file(exported: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = []
    monkeypatch.setattr(export, "score", lambda network, *_, **__: scored.append(type(network).__name__) or 0.5)
    network, settings = (
        load_network(trained / "checkpoints" / "best.ckpt"),
        SimpleNamespace(score="x", workers=0, rounds=0),
    )
    data = SimpleNamespace(name="shapes", split=lambda _: range(4))
    found = export.certify(network, open_model_file(exported), AGREED, data, None, settings)
    assert scored == ["FastSegmenter", "ForeignNetwork"]
    assert found.score == certificate.Score("shapes", "x", 4, 0.5, 0.5)


def test_costs_are_measured_by_turns(exported: Path, trained: Path, monkeypatch) -> None:
    monkeypatch.setattr(certificate, "FastSegmenter", partial(FastSegmenter, compile_after=None))
    network = load_network(trained / "checkpoints" / "best.ckpt")
    suite, file = certificate.measure_costs(network, open_model_file(exported), (40, 72), 3)
    for cost in (suite, file):
        assert cost.size == (1, 3, 40, 72)
        assert 0 < cost.milliseconds["min"] <= cost.milliseconds["median"] <= cost.milliseconds["max"]
    assert suite.milliseconds != file.milliseconds


def test_a_file_names_nothing_of_the_machine_that_made_it(exported: Path) -> None:
    content = exported.read_bytes()
    assert re.search(rb"\.py\b|site-packages", content) is None
    assert str(Path(__file__).parents[2]).encode() not in content


def test_a_file_that_differs_is_not_kept(exported: Path, trained: Path, tmp_path: Path, fails, monkeypatch) -> None:
    written = exported.read_bytes()
    monkeypatch.setattr(export, "trace", lambda *_: None)
    monkeypatch.setattr(OnnxFile, "write", lambda _self, _program, _manifest, path, _images: path.write_bytes(written))
    arguments = (f"checkpoint={trained}/checkpoints/best.ckpt", f"output={tmp_path}/net.onnx", *SPLIT, "compare=1")
    line = fails("export", *arguments, "rounds=0", "tolerance=0")
    assert "does not agree with the network and is not kept" in line
    assert not list(tmp_path.iterdir())


def test_a_mistake_is_told_before_the_work(exported: Path, trained: Path, tmp_path: Path, fails) -> None:
    checkpoint = f"checkpoint={trained}/checkpoints/best.ckpt"
    cases = {
        (checkpoint, f"output={tmp_path}/x.pt"): "must end in .onnx",
        (checkpoint, f"output={exported}"): "overwrite=true",
        (checkpoint, f"output={tmp_path}/x.onnx", "precision=bf16"): "take fp32, int8",
        (checkpoint, f"output={tmp_path}/x.onnx", "size=[8,64]"): "16 or more",
        (checkpoint, f"output={tmp_path}/x.onnx", "outputs=masks"): "outputs=masks",
    }
    for arguments, message in cases.items():
        assert message in fails("export", *arguments)
    assert not list(tmp_path.iterdir())
    assert "leave one of the two out" in fails(
        "evaluate", checkpoint, f"model_file={exported}", f"hydra.run.dir={tmp_path}"
    )
    assert "does not say what data" in fails("evaluate", f"model_file={exported}", f"hydra.run.dir={tmp_path}")


def test_a_file_runs_without_the_suite(exported: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 37, 70), dtype=np.uint8)
    (logits,) = session.run(None, {"images": images})
    assert logits.shape == (3, len(open_model_file(exported).manifest.classes), 37, 70)


@pytest.mark.parametrize(("size", "wanted"), [("96", (96, 96)), ("[96,64]", (96, 64)), ("null", None)])
def test_a_size_is_one_number_or_two(size: str, wanted, trained: Path, tmp_path: Path, script, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(export, "trace", lambda _, manifest: seen.append(manifest.size) or sys.exit(3))
    with pytest.raises(SystemExit):
        script("export", f"checkpoint={trained}/checkpoints/best.ckpt", f"output={tmp_path}/x.onnx", f"size={size}")
    assert seen == [wanted]
    assert not list(tmp_path.iterdir())
