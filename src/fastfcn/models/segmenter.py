"""The network of FastFCN's Figure 2: backbone, upsampling module, head."""

from collections.abc import Callable

from torch import Tensor, nn

from fastfcn.models.backbone import Backbone
from fastfcn.models.features import HeadInputs, Prediction
from fastfcn.models.heads.base import Head
from fastfcn.models.heads.fcn import FCNHead
from fastfcn.models.layers.resize import resize
from fastfcn.models.upsampling.base import Upsampling


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
        self.backbone = backbone
        self.upsampling = upsampling(channels, align_corners=align_corners)
        self.head = head(
            HeadInputs(self.upsampling.out_channels, channels, self.upsampling.refined, align_corners), num_classes
        )
        self.auxiliary = (
            FCNHead(HeadInputs(channels.c4, channels, False, align_corners), num_classes) if auxiliary else None
        )

    def forward(self, images: Tensor) -> Prediction:
        """Segment normalised `images` (B, 3, H, W) of any size; logits come back at exactly that size."""
        features = self.backbone(images)
        output = self.head(self.upsampling(features), features)
        aux = self.auxiliary(features.c4, features).logits if self.auxiliary is not None else None
        return Prediction(
            logits=self._full_size(output.logits, images),
            aux=None if aux is None else self._full_size(aux, images),
            presence=output.presence,
        )

    def _full_size(self, logits: Tensor, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        return resize(logits, (height, width), align_corners=self.align_corners)
