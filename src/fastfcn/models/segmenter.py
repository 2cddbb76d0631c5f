"""The network of FastFCN's Figure 2: backbone, upsampling module, head."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fastfcn.models.backbone import Backbone
from fastfcn.models.features import HeadInputs, Prediction
from fastfcn.models.heads.base import Head
from fastfcn.models.heads.fcn import FCNHead
from fastfcn.models.layers.resize import resize
from fastfcn.models.unread import freeze_unread
from fastfcn.models.upsampling.base import Upsampling

PROBE = 64  # pixels a side: maps of 2x2 at stride 32


class Segmenter(nn.Module):
    """A segmentation network of any backbone, upsampling module and head, with an auxiliary FCN head on C4.

    `upsampling` and `head` are constructors that still lack what only the network knows: channels and class count.
    `align_corners` governs every bilinear resize (True: the authors; False: mmsegmentation).
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        upsampling: Callable[..., Upsampling],
        head: Callable[..., Head],
        num_classes: int,
        auxiliary: bool = True,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        channels = backbone.channels
        self.align_corners = align_corners
        self.statistics = backbone.statistics
        self.backbone = backbone
        self.upsampling = upsampling(channels, align_corners=align_corners)
        self.head = head(
            HeadInputs(self.upsampling.out_channels, channels, self.upsampling.refined, align_corners), num_classes
        )
        self.auxiliary = (
            FCNHead(HeadInputs(channels.c4, channels, False, align_corners), num_classes) if auxiliary else None
        )
        self._freeze_unread()

    def forward(self, images: Tensor, *, upsample: bool = True) -> Prediction:
        """Segment `images` (B, C, H, W) of any size, normalised or uint8; logits come back at exactly that size.

        With `upsample=False` they stay at the head's stride: the loss resizes them itself, one image at a time.
        """
        features = self.backbone(self.normalise(images) if images.dtype == torch.uint8 else images)
        output = self.head(self.upsampling(features), features)
        aux = self.auxiliary(features.c4, features).logits if self.auxiliary is not None else None
        prediction = Prediction(output.logits, aux, output.presence)
        return self._full_size(prediction, images) if upsample else prediction

    def normalise(self, images: Tensor) -> Tensor:
        """Turn images (B, C, H, W), uint8 or floats in 0..1, into what the backbone's weights expect, in their type."""
        return self.statistics.normalise(images).to(next(self.parameters()).dtype)

    @torch.enable_grad()
    def _freeze_unread(self) -> None:
        if next(self.parameters()).is_meta:  # an outline, of which only shapes are asked
            return
        self.eval()
        prediction = self(torch.zeros(1, self.statistics.channels, PROBE, PROBE), upsample=False)
        outputs = (prediction.logits, prediction.aux, prediction.presence)
        freeze_unread(self, (output for output in outputs if output is not None))
        self.train()

    def _full_size(self, prediction: Prediction, images: Tensor) -> Prediction:
        size = (images.shape[-2], images.shape[-1])
        logits = resize(prediction.logits, size, align_corners=self.align_corners)
        aux = None if prediction.aux is None else resize(prediction.aux, size, align_corners=self.align_corners)
        return Prediction(logits, aux, prediction.presence)
