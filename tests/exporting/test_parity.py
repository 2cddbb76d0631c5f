"""A file against the network that it was made from, both small functions here."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from fastfcn.exporting.config import ExportConfig
from fastfcn.exporting.formats import Array, Opened
from fastfcn.exporting.parity import Parity, compare, require_parity
from fastfcn.models.features import Prediction
from tests.exporting.examples import manifest

IMAGES = [np.random.default_rng(seed).integers(0, 256, (3, 72, 96), dtype=np.uint8) for seed in range(2)]
ASKED: dict[str, Any] = {
    "checkpoint": "x.ckpt", "output": "x.onnx", "format": {}, "outputs": "logits", "input": "uint8", "size": None,
    "batch": None, "precision": "fp32", "data": {}, "split": None, "compare": 1, "calibration": 1, "tolerance": None,
    "agreement": None, "score": None, "rounds": 0, "workers": 0, "overwrite": False,
}  # fmt: skip
AGREED = Parity(1, ((8, 8),), 0.0, 1.0)


def logits(images: torch.Tensor) -> torch.Tensor:
    """Each channel, less a hundredth of a ramp from left to right: the mirror image has other logits."""
    return images.float() / 255 - torch.linspace(0, 0.01, images.shape[-1])


def network(images: torch.Tensor) -> Prediction:
    return Prediction(logits(images), None, None)


def opened(change: Callable[[Array], Array] = lambda output: output, **options: Any) -> Opened:
    """A file that gives what the network does, changed."""

    def run(images: Array) -> Array:
        scores = logits(torch.from_numpy(np.ascontiguousarray(images)))
        return change(
            {"logits": scores, "probabilities": scores.softmax(1), "labels": scores.argmax(1)}[outputs].numpy()
        )

    outputs = options.get("outputs", "logits")
    return Opened(manifest(**options), run, "none")


@pytest.mark.parametrize("outputs", ["logits", "probabilities", "labels"])
def test_what_is_equal_agrees(outputs: str) -> None:
    parity = compare(network, opened(outputs=outputs), IMAGES)
    assert parity.sizes == ((72, 96), (36, 48), (55, 73))
    assert parity.images == 2
    assert parity.difference == (None if outputs == "labels" else 0)
    assert parity.equal == 1


def test_one_size_is_compared_at_that() -> None:
    assert compare(network, opened(size=(40, 64), batch=1), IMAGES).sizes == ((40, 64),)


@pytest.mark.parametrize("side", [72, 36, 55])
def test_a_difference_at_one_size_is_found(side: int) -> None:
    parity = compare(network, opened(lambda output: output * (1.5 if output.shape[-2] == side else 1)), IMAGES)
    assert parity.difference == pytest.approx(0.45, abs=0.1)
    assert parity.equal == 1


def test_pixels_of_other_classes_are_counted() -> None:
    parity = compare(network, opened(lambda output: output[:, ::-1], size=(40, 64), batch=1), IMAGES)
    assert parity.equal == pytest.approx(1 / 3, abs=0.05)


@pytest.mark.parametrize(
    ("precision", "changed", "kept"),
    [
        ("fp32", {}, True),
        ("fp32", {"difference": 0.9e-4, "equal": 0.99995}, True),
        ("fp32", {"difference": 1.1e-4}, False),
        ("fp32", {"equal": 0.9998}, False),
        ("fp32", {"difference": None, "equal": 0.9998}, False),
        ("bf16", {"difference": 0.2, "equal": 0.96}, True),
        ("int8", {"equal": 0.94}, False),
    ],
)
def test_how_much_may_differ(precision: str, changed: dict[str, Any], kept: bool) -> None:
    settings = ExportConfig(**{**ASKED, "precision": precision})
    if kept:
        require_parity(replace(AGREED, **changed), settings)
    else:
        with pytest.raises(ValueError, match="does not agree with the network and is not kept"):
            require_parity(replace(AGREED, **changed), settings)


def test_what_is_asked_for_counts() -> None:
    require_parity(
        replace(AGREED, difference=0.5, equal=0.5), ExportConfig(**{**ASKED, "tolerance": 0.6, "agreement": 0.4})
    )
    with pytest.raises(ValueError, match=r"at most 0.1 and 40 %"):
        require_parity(replace(AGREED, difference=0.5), ExportConfig(**{**ASKED, "tolerance": 0.1, "agreement": 0.4}))
