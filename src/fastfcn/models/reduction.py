"""JPU's last concatenation left out, for inference: a convolution of joined maps is the sum of convolutions of each."""

from torch import Tensor, nn

from fastfcn.models.features import Features
from fastfcn.models.heads.encnet import EncNetHead
from fastfcn.models.heads.fcn import FCNHead
from fastfcn.models.segmenter import Segmenter
from fastfcn.models.upsampling.base import Upsampling
from fastfcn.models.upsampling.jpu import JPU


class ReducedJPU(Upsampling):
    """JPU and the convolution that the head begins with: a branch at a time, so that their maps are never all there."""

    def __init__(self, jpu: JPU, reduce: nn.Conv2d) -> None:
        super().__init__()
        self.out_channels = reduce.out_channels
        self.jpu = jpu
        self.parts = nn.ModuleList(
            _reading(reduce, weight, bias=index == 0)
            for index, weight in enumerate(reduce.weight.chunk(len(jpu.pyramid), dim=1))
        )

    def forward(self, features: Features) -> Tensor:
        """Return the reduced map (B, width of the head, H / 8, W / 8), before the activation."""
        joined = self.jpu.join(features)
        first, *others = zip(self.jpu.pyramid, self.parts, strict=True)
        total: Tensor = first[1](first[0](joined))
        for branch, part in others:
            total = total + part(branch(joined))
        return total


def join_reduction(network: Segmenter) -> None:
    """Let JPU take over the head's first convolution, in place, where BatchNorm is folded into that."""
    jpu, head = network.upsampling, network.head
    if not isinstance(jpu, JPU) or not isinstance(head, EncNetHead | FCNHead):
        return
    convolution, norm, activation = head.reduce
    if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.Identity):
        network.upsampling = ReducedJPU(jpu, convolution)
        head.reduce = nn.Sequential(activation)


def _reading(convolution: nn.Conv2d, weight: Tensor, *, bias: bool) -> nn.Conv2d:
    """Make the part of `convolution` whose weights are `weight`, with its bias or none."""
    part = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=weight.shape[2] // 2, bias=bias)
    part.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    if bias:
        part.bias = convolution.bias
    return part
