"""Plain transformers of timm (ViT, DeiT, DINOv2 and v3, EVA ...): one map at the stride of their patches."""

from typing import Any

import timm
import torch.nn.functional as F
from timm.models import group_parameters
from timm.models._features import FeatureGetterNet
from torch import Tensor, nn

GRIDS = {8: 8, 14: 16, 16: 16, 32: 32}  # patch side to the map's stride


class _Normed(FeatureGetterNet):  # type: ignore[misc] # timm has no types
    """timm's wrapper, told to give the map after the last norm, as DINOv2's and v3's are meant to be read."""

    def __init__(self, model: nn.Module, **options: Any) -> None:
        super().__init__(model, norm=True, **options)


class PlainEncoder(nn.Module):
    """A plain transformer, whose map is at `stride` 8, 16 or 32 of images with sides that are multiples of 32.

    Those with patches of 14 pixels are given the image at 14/16 of its size, so that a patch lies on 16 of its pixels
    and every map on the strides of other backbones. Position embeddings are resized to the image. Raises ValueError or
    TypeError if timm's `name` is none of them.
    """

    def __init__(self, name: str, in_channels: int, *, pretrained: bool = False, **options: Any) -> None:
        super().__init__()
        self.model = timm.create_model(
            name,
            features_only=True,
            feature_cls=_Normed,
            out_indices=(-1,),
            in_chans=in_channels,
            pretrained=pretrained,
            **options,
        )
        reductions = sorted({block["reduction"] for block in self.model.model.feature_info})
        if len(reductions) > 1 or reductions[0] not in GRIDS:
            raise ValueError(f"its maps are at stride {', '.join(map(str, reductions))}")
        patch = reductions[0]
        (self.channels,) = self.model.feature_info.channels()
        self.stride = GRIDS[patch]
        self.scale = patch / self.stride

    def forward(self, images: Tensor) -> Tensor:
        """Compute the map (B, channels, H / stride, W / stride) of `images` (B, C, H, W)."""
        if self.scale != 1:
            size = [round(side * self.scale) for side in images.shape[-2:]]
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        (features,) = self.model(images)
        result: Tensor = features
        return result

    def stages(self) -> list[list[nn.Parameter]]:
        """Return the parameters of each quarter of the blocks, embeddings with the first, the norm with the last."""
        network = self.model.model
        layers = group_parameters(network, network.group_matcher(coarse=False), reverse=True)
        count = max(layers.values())
        stages: list[list[nn.Parameter]] = [[], [], [], []]
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                stages[max(layers[name] - 1, 0) * 4 // count].append(parameter)
        return stages
