"""Every preset as a GPU runs it, by stand-ins: one device, no waits, float32 where half precision would not do."""

import contextlib
import copy

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from fastfcn.checkpoints import build_network
from fastfcn.composition import plain
from fastfcn.evaluation.protocols import FullImage
from fastfcn.evaluation.sliding import SlidingWindow
from fastfcn.models.features import Prediction
from fastfcn.models.heads.encnet import ContextEncoding
from fastfcn.models.layers.encoding import Encoding
from fastfcn.models.normalisation import IMAGENET
from fastfcn.models.segmenter import Segmenter
from fastfcn.training.losses import SegmentationLoss
from fastfcn.training.terms.focal import Focal
from fastfcn.training.terms.lovasz import Lovasz
from fastfcn.training.terms.overlap import Dice, Tversky
from tests.conftest import TINY_MODEL
from tests.stand_in import DeviceMixError, StandIn, fake_cuda, to_fake_cuda

PRESETS = [f"{head}_{way}" for head in ("encnet", "psp", "deeplabv3", "fcn") for way in ("jpu", "os8")]
HALF = (torch.bfloat16, torch.float16)
LOSS = SegmentationLoss(aux_weight=0.4, presence_weight=0.2)


def outlined(composed, preset: str) -> Segmenter:
    """A preset, without data."""
    with torch.device("meta"):
        return build_network(plain(composed(f"model={preset}", *TINY_MODEL).model), num_classes=5)


def protocol(size: int, *, fusion: str) -> SlidingWindow:
    return SlidingWindow(name="s", base_size=size, crop_size=32, scales=(1.0,), flip=True, fusion=fusion, batch=None)


def batch(device: str) -> tuple[Tensor, Tensor]:
    images = torch.zeros(2, 3, 65, 97, dtype=torch.uint8, device=device)
    return images, torch.zeros(2, 65, 97, dtype=torch.int64, device=device)


def autocast(dtype: torch.dtype | None) -> contextlib.AbstractContextManager:
    return contextlib.nullcontext() if dtype is None else torch.autocast("cuda", dtype=dtype)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_training_step_of_every_preset(preset: str, composed) -> None:
    """It waits for nothing and reaches every parameter; in any precision it stays on one device."""
    network = outlined(composed, preset)
    with StandIn() as gpu:
        images, masks = batch("meta")
        network.normalise(images)  # whose constants go to the device once
        gpu.waits.clear()
        LOSS(network(images, upsample=False), masks).total.backward()
    assert not gpu.waits
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []
    sums: list[torch.dtype] = []
    for module in network.modules():
        if isinstance(module, Encoding | nn.BatchNorm1d):
            module.register_forward_hook(lambda _module, _inputs, output: sums.append(output.dtype))
    with fake_cuda():
        network = to_fake_cuda(network)
        images, masks = batch("cuda")
        for dtype in (None, *HALF) if preset.endswith("jpu") else (torch.bfloat16,):
            with autocast(dtype):
                total = LOSS(network(images, upsample=False), masks).total
            assert total.is_cuda
            assert {total.dtype, *sums} == {torch.float32}


def test_no_other_loss_waits_but_lovasz() -> None:
    """SMP's looks, class by class, whether a class occurs."""
    with fake_cuda():  # where asking for a number raises
        logits, masks = (
            torch.zeros(2, 5, 9, 13, device="cuda"),
            torch.zeros(2, 65, 97, dtype=torch.int64, device="cuda"),
        )
        more = {"class_weights": [1.0] * 5, "label_smoothing": 0.1, "ohem_threshold": 0.7}
        weighed = to_fake_cuda(SegmentationLoss(aux_weight=0.4, presence_weight=0.2, **more))
        assert weighed(Prediction(logits, logits, logits[:, :, 0, 0]), masks).total.is_cuda
        for term in (Focal(), Dice(), Tversky()):
            assert term(logits.half(), masks).is_cuda
        with pytest.raises(DynamicOutputShapeException):
            Lovasz()(logits, masks)


def test_scoring_stays_on_one_device_and_in_float32(composed) -> None:
    outline = outlined(composed, "fcn_jpu")
    with fake_cuda(), torch.no_grad(), autocast(torch.bfloat16):
        network = to_fake_cuda(outline).eval()
        images, _ = batch("cuda")
        assert FullImage().labels(network, images).is_cuda
        scores = protocol(65, fusion="exp_sum")._fuse_mirrored(network, network.normalise(images))
        assert scores.is_cuda
        assert scores.dtype == torch.float32


def test_what_a_gpu_would_refuse_is_noticed() -> None:
    with fake_cuda(), pytest.raises(RuntimeError, match="same device"):
        torch.empty(2, device="cuda") + torch.ones(2)
    with StandIn() as gpu:
        one = torch.ones(2, device="meta")
        with pytest.raises(DeviceMixError):
            one + torch.ones(2)
        assert one.sum().item() == 1
        torch.tensor([1.0], device="meta")
    assert gpu.waits == {"aten::_local_scalar_dense": 1, "cpu to meta": 1}


def relative(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other).abs().max() / other.abs().max())


@pytest.mark.parametrize("dtype", HALF)
def test_context_encoding_sums_and_normalises_in_float32(dtype: torch.dtype) -> None:
    """On a map whose squared norms float16 cannot hold."""
    torch.manual_seed(0)
    context = ContextEncoding(64, 5, codewords=8, presence=True)
    with torch.no_grad():
        context.project[1].weight.fill_(60)
        context.encoding.scale.mul_(1e-4)
    kept: dict[str, Tensor] = {}
    for name in ("project", "encoding", "norm"):
        module = context.get_submodule(name)
        module.register_forward_hook(lambda _module, _inputs, output, name=name: kept.update({name: output.detach()}))
    reference = copy.deepcopy(context).double()
    with torch.autocast("cpu", dtype=dtype):
        context(torch.randn(2, 64, 20, 20))
    assert kept["project"].dtype == dtype
    assert kept["encoding"].dtype == kept["norm"].dtype == torch.float32
    ours = dict(kept)
    codes = reference.encoding(ours["project"].double())
    assert relative(ours["encoding"], codes) < 1e-5
    assert relative(ours["norm"], reference.norm(codes)) < 1e-4


@pytest.mark.parametrize("fusion", ["exp_sum", "softmax"])
@pytest.mark.parametrize("dtype", HALF)
def test_scores_of_windows_are_summed_in_float32(dtype: torch.dtype, fusion: str) -> None:
    class Constant(nn.Module):
        statistics, align_corners = IMAGENET, True

        def forward(self, images: Tensor) -> Prediction:
            ramp = torch.linspace(-10, 10, 5 * 32 * 32).view(1, 5, 32, 32).expand(len(images), -1, -1, -1)
            logits.append(ramp.to(dtype))
            return Prediction(logits[-1], None, None)

    logits: list[Tensor] = []
    with torch.autocast("cpu", dtype=dtype):
        scores = protocol(32, fusion=fusion).scores(Constant(), torch.zeros(1, 3, 32, 32))
    straight, mirrored = logits[0].double().chunk(2)
    mirrored = mirrored.flip(-1)
    exact = straight + mirrored if fusion == "exp_sum" else ((straight.softmax(1) + mirrored.softmax(1)) / 2).log()
    assert relative(scores, exact) < 1e-5
