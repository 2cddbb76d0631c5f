"""Cross-entropy of upsampled logits that never holds the upsampled logits of more than one image."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from fastfcn.data.dataset import IGNORE
from fastfcn.models.layers.resize import resize, shrink


class UpsampledCrossEntropy(torch.autograd.Function):
    """Sum over labelled pixels of the cross-entropy of logits resized bilinearly to their masks.

    The gradient is made together with the loss, image by image, and kept at the size of the logits: nothing of the
    masks' size outlives the forward pass, and the backward pass only scales. It is kept in float32, whatever the
    logits are: a sum over pixels need not fit half precision, where the mean that it is scaled to does.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, masks: Tensor, align_corners: bool, weights: Tensor | None, smoothing: float
    ) -> Tensor:
        """Compare `logits` (B, C, h, w) with `masks` (B, H, W), int64 class indices or IGNORE, in float32.

        A pixel counts as often as the weight (C,) of its class says. Of its truth, the share `smoothing` is spread over
        all classes, by their weights.
        """
        wanted = ctx.needs_input_grad[0]
        gradient = torch.empty(logits.shape, device=logits.device) if wanted else None
        total = torch.zeros((), device=logits.device)
        for index, mask in enumerate(masks):
            one = logits[index : index + 1].detach().float()
            log_probabilities = resize(one, (mask.shape[0], mask.shape[1]), align_corners=align_corners).log_softmax(1)
            loss = F.nll_loss(log_probabilities, mask[None], weights, ignore_index=IGNORE, reduction="sum")
            if smoothing:
                loss = (1 - smoothing) * loss + smoothing * _spread_loss(log_probabilities, mask, weights)
            total += loss
            if gradient is not None:
                full = _gradient(log_probabilities, mask, weights, smoothing)
                gradient[index] = shrink(full, (one.shape[2], one.shape[3]), align_corners=align_corners)[0]
        if gradient is not None:
            ctx.save_for_backward(gradient)
            ctx.dtype = logits.dtype
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, None, None, None, None]:
        """Scale the gradient, and only then return to the logits' precision."""
        (gradient,) = ctx.saved_tensors
        return (gradient * scale).to(ctx.dtype), None, None, None, None


def _spread_loss(log_probabilities: Tensor, mask: Tensor, weights: Tensor | None) -> Tensor:
    """Sum over labelled pixels of the mean cross-entropy of all classes, by their weights."""
    each = log_probabilities if weights is None else log_probabilities * weights[:, None, None]
    return -(each.mean(1) * (mask != IGNORE)).sum()


def _gradient(log_probabilities: Tensor, mask: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
    """Turn log-probabilities (1, C, H, W), in their memory, into the loss's gradient by the resized logits."""
    labelled = mask != IGNORE
    gradient = log_probabilities.exp_()
    truth = torch.where(labelled, mask, 0)[None, None]
    own = torch.ones_like(gradient[:, :1]) if weights is None else weights[truth]
    if smoothing:
        own = (1 - smoothing) * own
        spread = torch.ones_like(gradient[0, :, :1, :1]) if weights is None else weights[:, None, None]
        spread = smoothing / len(spread) * spread
        gradient.mul_(own + spread.sum()).sub_(spread).scatter_add_(1, truth, -own)
        return gradient.mul_(labelled)
    gradient.scatter_add_(1, truth, torch.full_like(own, -1.0))
    return gradient.mul_(labelled if weights is None else labelled * own)
