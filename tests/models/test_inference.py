"""The network made fast against the network as trained."""

import copy
import logging

import pytest
import torch
from torch import nn

from fastfcn.checkpoints import build_network, load_network
from fastfcn.composition import plain
from fastfcn.models.features import Prediction
from fastfcn.models.folding import fold_batch_norm
from fastfcn.models.inference import FastSegmenter, ShiftedDepthwise
from fastfcn.models.segmenter import Segmenter
from tests.stand_in import fake_cuda


def network(composed, backbone: str = "tu-resnet18", model: str = "encnet_jpu", **options: str) -> Segmenter:
    overrides = [f"model={model}", f"model.backbone.name={backbone}", *(f"{k}={v}" for k, v in options.items())]
    torch.manual_seed(0)
    built = build_network(plain(composed(*overrides).model), 5).eval()
    for module in built.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return built


def assert_close(fast: FastSegmenter, trained: Segmenter, images: torch.Tensor) -> None:
    with torch.inference_mode():
        ours, reference = fast(images), trained(images)
    assert ours.aux is None
    assert (ours.logits - reference.logits).abs().max() <= 1e-4 * reference.logits.abs().max()
    if reference.presence is not None:
        assert (ours.presence - reference.presence).abs().max() <= 1e-4 * reference.presence.abs().max()


@pytest.mark.parametrize("backbone", ["tu-resnet18", "efficientnet-b0", "densenet121", "tu-convnext_atto", "mit_b0"])
def test_equals_the_trained_network(backbone: str, composed) -> None:
    trained = network(composed, backbone)
    fast = FastSegmenter(copy.deepcopy(trained), compile_after=None)
    assert_close(fast, trained, torch.randn(2, 3, 64, 96))


@pytest.mark.parametrize(
    ("model", "backbone"),
    [("psp_os8", None), ("deeplabv3_jpu", None), ("fcn_jpu", None), ("fcn_jpu", "tu-test_efficientnet")],
)
def test_every_convolution_takes_in_its_batch_norm(model: str, backbone: str | None, composed) -> None:
    trained = network(composed, *([backbone] if backbone else []), model=model)
    fast = FastSegmenter(copy.deepcopy(trained), compile_after=None)
    left = [name for name, module in fast.named_modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert not left
    assert_close(fast, trained, torch.randn(2, 3, 96, 64))


class Twice(nn.Module):
    """A convolution whose output is read past the norm as well: folding would be wrong."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.convolution, self.norm = inner, nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.norm.running_mean.fill_(2.0)

    def forward(self, x: torch.Tensor) -> object:
        y = self.convolution(x)
        return self.inner(self.norm(y) + y)


def test_what_cannot_be_folded_is_left_alone(composed, caplog: pytest.LogCaptureFixture) -> None:
    trained = network(composed)
    trained.backbone.encoder = Twice(trained.backbone.encoder).eval()
    before = copy.deepcopy(trained.state_dict())
    with caplog.at_level(logging.WARNING):
        assert fold_batch_norm(trained) == 0
    assert "not folded" in caplog.text
    assert all(torch.equal(before[name], value) for name, value in trained.state_dict().items())


class Sharing(nn.Module):
    """Two convolutions before one norm, which cannot go into both, and a third that has one to itself."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.norm = inner, nn.BatchNorm2d(3)
        self.convolutions = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(2))
        self.norm.running_mean.fill_(2.0)

    def forward(self, x: torch.Tensor) -> object:
        return self.inner(sum(self.norm(each(x)) for each in self.convolutions))


def test_a_norm_of_two_convolutions_stays(composed) -> None:
    trained = network(composed, "tu-test_resnet")
    norms = fold_batch_norm(copy.deepcopy(trained))
    trained.backbone.encoder = Sharing(trained.backbone.encoder).eval()
    folded = copy.deepcopy(trained)
    assert fold_batch_norm(folded) == norms > 0
    assert isinstance(folded.backbone.encoder.norm, nn.BatchNorm2d)
    assert_close(FastSegmenter(folded, compile_after=None), trained, torch.randn(1, 3, 64, 64))


def test_folding_is_judged_where_nothing_rounds(composed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions of float32 that round, as with TF32, or weights of a half precision."""
    trained = network(composed, "tu-test_resnet")
    norms = fold_batch_norm(copy.deepcopy(trained))
    assert fold_batch_norm(copy.deepcopy(trained).bfloat16()) == norms
    convolve = nn.Conv2d._conv_forward

    def rounding(self: nn.Conv2d, *tensors: torch.Tensor | None) -> torch.Tensor:
        halved = [each.bfloat16() if each is not None and each.dtype == torch.float32 else each for each in tensors]
        return convolve(self, *halved).to(tensors[0].dtype)

    monkeypatch.setattr(nn.Conv2d, "_conv_forward", rounding)
    before = trained(torch.ones(1, 3, 64, 64)).logits
    assert fold_batch_norm(trained) == norms
    change = (trained(torch.ones(1, 3, 64, 64)).logits - before).abs().max() / before.abs().max()
    assert change > 1e-4, "rounding would have been taken for a fault"


class Graph(nn.Module):
    """Writes into the same memory at each call, as a CUDA graph does."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = Prediction(torch.empty(1, 5, 8, 8, device="cuda"), None, torch.empty(1, 5, device="cuda"))

    def forward(self, images: torch.Tensor, *, upsample: bool) -> Prediction:
        return self.kept


def test_what_a_cuda_graph_returns_is_copied(composed) -> None:
    fast = FastSegmenter(network(composed, "tu-test_resnet"), compile_after=0)
    with fake_cuda():
        images = torch.empty(1, 3, 8, 8, device="cuda")
        fast.network = Graph()
        fast._compiled.add((images.shape, True))
        prediction = fast(images)
        assert prediction.logits.shape == (1, 5, 8, 8)
        for ours, kept in (
            (prediction.logits, fast.network.kept.logits),
            (prediction.presence, fast.network.kept.presence),
        ):
            assert ours.untyped_storage()._cdata != kept.untyped_storage()._cdata


def test_several_shapes_are_compiled_and_the_next_is_not(composed, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = FastSegmenter(network(composed, "tu-test_resnet"), compile_after=0)
    monkeypatch.setattr(fast.network, "compile", lambda **_: None)
    seen: list[tuple[int, ...]] = []
    run = fast._compile

    def noted(images: torch.Tensor, upsample: bool) -> Prediction:
        seen.append(tuple(images.shape))
        return run(images, upsample)

    monkeypatch.setattr(fast, "_compile", noted)
    for side in (32, 64, 32, 96, 64):
        assert fast(torch.zeros(1, 3, side, side)).logits.shape == (1, 5, side, side)
    assert seen == [(1, 3, 32, 32), (1, 3, 64, 64)]


@pytest.mark.slow  # half a minute of a C++ compiler
def test_compiles_a_shape_once_it_has_earned_it(composed, caplog: pytest.LogCaptureFixture) -> None:
    trained = network(composed, "tu-test_resnet", **{"model.upsampling.width": "16"})
    fast = FastSegmenter(copy.deepcopy(trained), compile_after=1e-9)
    images = torch.randn(1, 3, 64, 64)
    with caplog.at_level(logging.INFO):
        assert_close(fast, trained, images)
        assert "compiling" not in caplog.text
        assert_close(fast, trained, images)
        assert_close(fast, trained, images)
    assert caplog.text.count("compiling the network for inputs of 1x3x64x64") == 1
    assert "uncompiled" not in caplog.text
    assert any(isinstance(module, ShiftedDepthwise) for module in fast.modules())


def test_without_a_compiler_it_runs_uncompiled(
    composed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = network(composed, "tu-test_resnet", **{"model.upsampling.width": "8"})
    fast = FastSegmenter(copy.deepcopy(trained))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    torch._dynamo.reset()
    with caplog.at_level(logging.WARNING):
        assert_close(fast, trained, torch.randn(1, 3, 32, 64))
        assert_close(fast, trained, torch.randn(1, 3, 32, 64))
    assert caplog.text.count("runs uncompiled") == 1


def test_load_network_optimizes_when_asked(trained) -> None:
    path = trained / "checkpoints" / "best.ckpt"
    fast = load_network(path, optimize=True)
    fast.compile_after = None
    assert_close(fast, load_network(path), torch.randn(1, 3, 32, 32))
