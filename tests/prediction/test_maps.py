"""Probabilities, what is made of them, and the temperature they are taken at."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fastfcn.prediction.calibration import fit_temperature, measure, read_calibration
from fastfcn.prediction.maps import UNKNOWN, Unknown, decide

SCORES = torch.tensor([[2.0, 0.0], [0.0, 0.1]]).view(1, 2, 1, 2)  # of two pixels: sure, and not


def test_a_pixel_by_hand() -> None:
    sure = np.exp(2) / (1 + np.exp(2))
    plain = decide(SCORES, 1.0, Unknown("confidence", None))
    assert plain.labels.tolist() == [[0, 1]]
    assert plain.probabilities is not None
    assert plain.probabilities[0, 0, 0] == pytest.approx(sure)
    cooler = decide(SCORES, 0.5, Unknown("confidence", None)).probabilities
    assert cooler is not None
    assert cooler[0, 0, 0] == pytest.approx(np.exp(4) / (1 + np.exp(4)))


@pytest.mark.parametrize(("measure_", "threshold"), [("confidence", 0.6), ("entropy", 0.9)])
def test_what_is_not_sure_is_unknown(measure_: str, threshold: float) -> None:
    assert decide(SCORES, 1.0, Unknown(measure_, threshold)).labels.tolist() == [[0, UNKNOWN]]
    assert decide(SCORES, 20.0, Unknown(measure_, threshold)).labels.tolist() == [[UNKNOWN, UNKNOWN]]


def draw(temperature: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw scores and truths that are as often right as the scores say at `temperature`."""
    generator = torch.Generator().manual_seed(0)
    scores = 3 * torch.randn(20_000, 5, generator=generator)
    return scores * temperature, torch.multinomial(scores.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_planted_temperature_is_found(temperature: float) -> None:
    scores, truth = draw(temperature)
    fitted = fit_temperature(scores, truth)
    assert fitted == pytest.approx(temperature, rel=0.03)
    assert measure(scores, truth, fitted).error < 0.01
    if temperature != 1:
        assert measure(scores, truth, 1.0).error > 0.05


def test_from_calibration_to_maps(trained: Path, tmp_path: Path, script, capfd) -> None:
    checkpoint = tmp_path / "a.ckpt"
    checkpoint.write_bytes((trained / "checkpoints" / "best.ckpt").read_bytes())
    script("calibrate", f"checkpoint={checkpoint}", "workers=0", "optimize=false")
    said = capfd.readouterr().out
    kept = json.loads((tmp_path / "a.ckpt.calibration.json").read_text())
    assert f"temperature={kept['temperature']:.4f}" in said
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "x.png")
    call = (f"checkpoint={checkpoint}", f"images={tmp_path}/x.png", "workers=0", "optimize=false")
    kinds = "write=[masks,confidence,entropy,probabilities]"
    script("predict", *call, f"output={tmp_path}/npz", kinds, "temperature=calibrated")
    script("predict", *call, f"output={tmp_path}/png", kinds, f"temperature={kept['temperature']}", "probabilities=png")
    probabilities = np.load(tmp_path / "npz" / "probabilities" / "x.npz")["probabilities"]
    assert probabilities.sum(0) == pytest.approx(1, abs=5e-3)
    assert (probabilities.argmax(0) == np.asarray(Image.open(tmp_path / "npz" / "masks" / "x.png"))).mean() > 0.99
    confidence = np.asarray(Image.open(tmp_path / "npz" / "confidence" / "x.png"))
    assert confidence / 65535 == pytest.approx(probabilities.max(0), abs=1e-3)
    planes = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "png" / "probabilities" / "x").iterdir())]
    assert np.stack(planes) / 65535 == pytest.approx(probabilities, abs=1e-3)
    entropy = np.asarray(Image.open(tmp_path / "png" / "entropy" / "x.png")) / 65535
    exact = -(probabilities * np.log(np.maximum(probabilities.astype(float), 1e-9))).sum(0) / np.log(len(planes))
    assert entropy == pytest.approx(exact, abs=0.01)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "which is not here; python src/calibrate.py checkpoint="),
        ("[" * 5000, "is no calibration that this version wrote"),
        ("[]", "is no calibration that this version wrote"),
        ('{"temperature": 1e9}', "is no calibration that this version wrote"),
        ("other", "is that of another checkpoint"),
    ],
)
def test_calibrations_that_are_refused(content: str | None, message: str, tmp_path: Path) -> None:
    other = {
        "temperature": 2.0, "checkpoint": "b", "data": "shapes", "split": "val", "protocol": "full", "images": 1,
        "pixels": 1, "error_before": 0.1, "error_after": 0.1,
    }  # fmt: skip
    if content is not None:
        text = json.dumps(other) if content == "other" else content
        (tmp_path / "a.ckpt.calibration.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_calibration(tmp_path / "a.ckpt", "a")
