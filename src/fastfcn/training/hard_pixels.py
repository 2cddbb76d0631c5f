"""Online hard example mining: training on the pixels that the network does not yet know (arXiv:1604.03540)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from fastfcn.data.dataset import IGNORE
from fastfcn.models.layers.resize import resize

BEYOND = 2.0  # any probability


@torch.no_grad()
def hard_pixels(logits: Tensor, masks: Tensor, *, threshold: float, min_kept: float, align_corners: bool) -> Tensor:
    """Return `masks` (B, H, W) with all pixels ignored but those whose truth has a probability below `threshold`.

    Where these are fewer than `min_kept` of all pixels of the batch, labelled or not, it is that many of the least
    probable ones, and those equal to the last. `logits` (B, C, h, w) are resized image by image.
    """
    probabilities = torch.empty(masks.shape, device=logits.device)
    for index, mask in enumerate(masks):
        one = resize(logits[index : index + 1].float(), (mask.shape[0], mask.shape[1]), align_corners=align_corners)
        losses = F.cross_entropy(one, mask[None], ignore_index=IGNORE, reduction="none")
        probabilities[index] = torch.where(mask == IGNORE, BEYOND, (-losses[0]).exp())
    hard = probabilities < threshold
    if kept := int(min_kept * masks.numel()):
        hard |= probabilities <= probabilities.flatten().kthvalue(kept).values
    return torch.where(hard, masks, IGNORE)
