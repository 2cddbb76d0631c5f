"""A trained network made fast for inference: no auxiliary head, BatchNorm folded, channels last, compiled."""

import logging
import time
from collections import defaultdict

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException
from torch._inductor import config as inductor
from torch._inductor.exc import InductorError

from fastfcn.models.features import Prediction
from fastfcn.models.folding import fold_batch_norm
from fastfcn.models.foreign import ForeignNetwork
from fastfcn.models.reduction import join_reduction
from fastfcn.models.segmenter import Segmenter

log = logging.getLogger(__name__)

COMPILE_AFTER = 60.0  # seconds of uncompiled passes: what compiling costs is then sure to be worth it, or nearly so
COMPILED_SHAPES = 2  # each costs seconds to compile; images of further shapes take the uncompiled way
WIDE_DILATION = 8  # from here on oneDNN has no fast depthwise kernel: 38 ms where dilation 4 takes 4


class FastSegmenter(nn.Module):
    """A segmenter for inference only; returns what the segmenter given returns, without `aux`.

    The segmenter is taken over and changed. An input shape whose passes have taken more than `compile_after` seconds is
    compiled (12 to 30 s on a CPU) with the weights frozen into the code, for at most COMPILED_SHAPES shapes; 0
    compiles at once, None never. Logits at the image's size and at the head's stride are compiled apart.
    Where compilation fails, for instance without a C++ compiler, a warning says so and the network runs uncompiled.
    """

    def __init__(self, network: Segmenter, *, compile_after: float | None = 0.0) -> None:
        super().__init__()
        network.auxiliary = None
        self.network = network.eval().requires_grad_(False)
        self.align_corners = network.align_corners
        self.statistics = network.statistics
        fold_batch_norm(network)
        join_reduction(network)
        _replace_wide_depthwise(network)
        network.to(memory_format=torch.channels_last)
        self.compile_after = compile_after
        self._spent: defaultdict[Call, float] = defaultdict(float)
        self._compiled: set[Call] = set()

    def forward(self, images: Tensor, *, upsample: bool = True) -> Prediction:
        """Segment `images` (B, C, H, W), normalised or uint8, as the segmenter does."""
        if images.dtype == torch.uint8:
            images = self.normalise(images)
        call = (images.shape, upsample)
        with torch.no_grad():
            if call in self._compiled:
                return self._call(images, upsample)
            if self._earned(call):
                try:
                    return self._compile(images, upsample)
                except (TorchDynamoException, InductorError) as error:
                    reason = str(error).strip().splitlines()[0][:200]
                    log.warning("the network runs uncompiled, which is slower: compiling failed (%s)", reason)
                    self.compile_after = None
            started = time.perf_counter()
            prediction = self.network.forward(images, upsample=upsample)
            self._spent[call] += time.perf_counter() - started
            return prediction

    def normalise(self, images: Tensor) -> Tensor:
        """Turn images (B, C, H, W), uint8 or floats in 0..1, into what the backbone's weights expect, in their type."""
        return self.network.normalise(images)

    def _call(self, images: Tensor, upsample: bool) -> Prediction:
        """Run what is compiled. A CUDA graph writes into memory of its own at each call: what is returned is a copy."""
        prediction: Prediction = self.network(images, upsample=upsample)
        if not images.is_cuda:
            return prediction
        presence = None if prediction.presence is None else prediction.presence.clone()
        return Prediction(prediction.logits.clone(), None, presence)

    def _earned(self, call: "Call") -> bool:
        """Tell whether `call` is to be compiled now."""
        if self.compile_after is None or len(self._compiled) == COMPILED_SHAPES:
            return False
        return self.compile_after == 0 or self._spent[call] > self.compile_after

    def _compile(self, images: Tensor, upsample: bool) -> Prediction:
        """Compile for images of this shape, with CUDA graphs where there is a GPU, and segment them."""
        shape = "x".join(map(str, images.shape))
        log.info("compiling the network for inputs of %s", shape)
        if not self._compiled:
            self.network.compile(dynamic=False)
        # as options of compile() the weights would not be packed: those passes read the global configuration
        with inductor.patch({"freezing": True, "triton.cudagraphs": images.is_cuda}):
            prediction = self._call(images, upsample)
        self._compiled.add((images.shape, upsample))
        return prediction


class ShiftedDepthwise(nn.Module):
    """A depthwise 3x3 convolution with a wide dilation; compiled for a CPU, nine shifted products in one loop."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `x` (B, C, H, W)."""
        if x.is_cuda or not torch.compiler.is_compiling():
            result: Tensor = self.convolution(x)
            return result
        rate, (height, width) = self.convolution.dilation[0], x.shape[-2:]
        padded = F.pad(x, (rate, rate, rate, rate))
        total = torch.zeros_like(x) if self.convolution.bias is None else self.convolution.bias.view(1, -1, 1, 1)
        for row in range(3):
            for column in range(3):
                shifted = padded[..., row * rate : row * rate + height, column * rate : column * rate + width]
                total = total + shifted * self.convolution.weight[:, 0, row, column].view(1, -1, 1, 1)
        return total


def _replace_wide_depthwise(network: nn.Module) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and _is_wide_depthwise(child):
                setattr(parent, name, ShiftedDepthwise(child))


def _is_wide_depthwise(convolution: nn.Conv2d) -> bool:
    return (
        convolution.groups == convolution.in_channels == convolution.out_channels
        and convolution.kernel_size == (3, 3)
        and convolution.stride == (1, 1)
        and convolution.dilation == convolution.padding
        and convolution.dilation[0] == convolution.dilation[1] >= WIDE_DILATION
    )


Call = tuple[torch.Size, bool]  # the images' shape, and whether logits come at their size
Network = Segmenter | FastSegmenter | ForeignNetwork  # what predicts: as trained, made fast, or run by other software
