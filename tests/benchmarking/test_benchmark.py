"""benchmark.py: what it measures, and that both sides of a comparison compute the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from fastfcn.benchmarking.peak_memory import peak_memory
from fastfcn.benchmarking.reference import ExpandedEncoding, PlainLoss, expand_encodings
from fastfcn.benchmarking.timing import interleave
from fastfcn.data.dataset import IGNORE
from fastfcn.models.features import Prediction
from fastfcn.models.layers.encoding import Encoding
from fastfcn.models.segmenter import Segmenter
from fastfcn.training.losses import SegmentationLoss

TINY = ("model.backbone.name=tu-test_resnet", "+suggested.width=16", "size=64", "classes=5", "rounds=1")


@pytest.fixture
def measured(
    script: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Run benchmark.py and return its benchmark.json."""
    monkeypatch.setattr("fastfcn.benchmarking.timing.PEAK_SIZES", (128, 256))

    def call(*arguments: str) -> dict[str, Any]:
        script("benchmark", *TINY, *arguments, f"hydra.run.dir={tmp_path}")
        return json.loads((tmp_path / "benchmark.json").read_text())

    return call


def test_forward(measured, capsys: pytest.CaptureFixture[str]) -> None:
    content = measured("models=[encnet_jpu,'encnet_os8 model.head.lateral=true']", "what.compiled=false", "batch=2")
    rows = {(row["model"], row["path"]): row for row in content["models"]}
    models = ("encnet_jpu", "encnet_os8 model.head.lateral=true")
    assert list(rows) == [(model, path) for model in models for path in ("plain", "fast")]
    plain, fast = rows["encnet_jpu", "plain"], rows["encnet_jpu", "fast"]
    assert sum(plain["gflops_by_part"].values()) == pytest.approx(plain["gflops"], abs=0.01)
    assert plain["gflops_by_part"]["auxiliary"] > 0
    assert "auxiliary" not in fast["gflops_by_part"]
    assert fast["parameters"] < plain["parameters"]
    assert fast["output_stride"] == 32
    assert rows["encnet_os8 model.head.lateral=true", "fast"]["output_stride"] == 8
    for row in content["models"]:
        assert row["latency_ms"]["min"] <= row["latency_ms"]["median"] <= row["latency_ms"]["max"]
        assert row["fps"] == pytest.approx(2 / row["latency_ms"]["median"] * 1e3, rel=1e-2)
        assert row["share_of_peak"] == pytest.approx(
            2 * row["gflops"] / row["latency_ms"]["median"] * 1e3 / content["peak_gflops_per_second"], abs=0.02
        )
    assert "encnet_os8" in capsys.readouterr().out


def test_train(measured) -> None:
    options = ("batch=2", "what.checkpoint_backbone=true", "what.precisions=[bf16-mixed]")
    content = measured("what=train", "models=[encnet_jpu]", *options)
    plain, own = content["models"]
    assert {row["precision"] for row in (plain, own)} == {"bf16-mixed"}
    assert (plain["path"], own["path"]) == ("plain", "own")
    for row in (plain, own):
        parts = row["milliseconds"]
        assert parts["step"]["median"] == pytest.approx(
            sum(parts[name]["median"] for name in ("forward", "loss", "backward", "optimiser")), rel=1e-3
        )
        assert 0 < row["metric_share_of_validation"] < 10


def test_a_network_is_timed_in_the_precision_that_its_row_says(measured, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []
    forward = Segmenter.forward

    def watched(network: Segmenter, *arguments: Any, **options: Any) -> Prediction:
        prediction = forward(network, *arguments, **options)
        seen.append(prediction.presence.dtype)
        return prediction

    monkeypatch.setattr(Segmenter, "forward", watched)
    paths = ("what.paths=[eager]", "what.precisions=[32-true,bf16-mixed]")
    rows = measured("models=[encnet_jpu]", *paths)["models"]
    assert [row["precision"] for row in rows] == ["32-true", "bf16-mixed"]
    assert seen[-2:] == [torch.float32, torch.bfloat16]


def test_the_encoding_layer_holds_no_residuals() -> None:
    layer, x = Encoding(512, 32), torch.randn(2, 512, 400, 1, requires_grad=True)
    residuals = 2 * 400 * 32 * 512 * 4  # bytes of (B, N, K, D)
    expanded, own = (
        peak_memory(lambda each=each: each(x).sum().backward(), torch.device("cpu"))
        for each in (ExpandedEncoding(layer), layer)
    )
    assert expanded > residuals
    assert own < residuals / 2


def test_evaluation(measured) -> None:
    sizes = ("what.height=50", "what.width=70", "what.base_size=72", "what.crop_size=64", "what.paths=[eager]")
    content = measured("what=evaluation", "models=[encnet_jpu]", *sizes)
    assert [row["network"] for row in content["networks"]] == ["encnet_jpu plain", "encnet_jpu eager"]
    assert content["networks"][1]["largest_difference"] < 1e-4
    assert content["networks"][1]["same_class"] > 0.999


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models=[]"], "models needs different presets"),
        (["models=[encnet_jpu,encnet_jpu]"], "models needs different presets"),
        (["models=[encnet_jpq]"], "encnet_jpq"),
        (["what.paths=[quick]"], "what.paths"),
        (["what=trian"], "trian"),
        (["what=train", "loss.class_weights=balanced"], "loss.class_weights=balanced needs training masks to count"),
    ],
)
def test_mistakes_end_with_one_line(arguments: list[str], message: str, fails) -> None:
    assert message in fails("benchmark", *TINY, *arguments)


def test_the_plain_formulation_equals_the_suites() -> None:
    layer = Encoding(16, 4)
    x = torch.randn(2, 16, 5, 6)
    torch.testing.assert_close(ExpandedEncoding(layer)(x), layer(x), rtol=1e-4, atol=1e-5)
    holder = torch.nn.Sequential(layer)
    expand_encodings(holder)
    assert isinstance(holder[0], ExpandedEncoding)
    prediction = Prediction(torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8), torch.randn(2, 3))
    masks = torch.randint(0, 3, (2, 8, 8))
    masks[0, :4] = IGNORE
    for options in ({}, {"class_weights": [1.0, 5.0, 0.5], "label_smoothing": 0.1, "ohem_threshold": 0.5}):
        plain, own = (
            loss(aux_weight=0.4, presence_weight=0.2, **options)(prediction, masks)
            for loss in (PlainLoss, SegmentationLoss)
        )
        torch.testing.assert_close(plain.total, own.total)


def test_memory_is_what_a_tensor_takes() -> None:
    size = 64 * 2**20
    peak = peak_memory(lambda: torch.ones(size // 4), torch.device("cpu"))
    if peak is None:
        pytest.skip("the peak of a process's memory is only known on Linux")
    assert 0.95 * size < peak < 1.3 * size


def test_rounds_are_interleaved_after_one_of_warming_up() -> None:
    calls: list[str] = []
    timings = interleave({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2, torch.device("cpu"))
    assert calls == ["a", "b"] * 3
    assert all(len(timing.seconds) == 2 for timing in timings.values())
