"""Encoding layer: residuals to a learned dictionary (Deep TEN, arXiv:1612.02844; EncNet, arXiv:1803.08904)."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn


class Encoding(nn.Module):
    """Soft-assign every pixel to `codewords` and sum its residuals to each.

    With a = softmax over k of s_k * ||x_i - d_k||^2, code k is the sum over i of a_ik (x_i - d_k). Both the distances
    and the sums are matrix products, so nothing larger than (B, N, K) is stored; all residuals would take (B, N, K, D).
    """

    def __init__(self, channels: int, codewords: int) -> None:
        super().__init__()
        bound = (codewords * channels) ** -0.5
        self.codewords = nn.Parameter(torch.empty(codewords, channels).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.empty(codewords).uniform_(-1, 0))

    def forward(self, x: Tensor) -> Tensor:
        """Encode `x` (B, D, H, W) as (B, K, D). Computed in the type of the codewords, whatever autocast says."""
        with nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False):  # which knows no meta
            pixels = x.flatten(2).to(self.codewords.dtype)  # (B, D, N)
            assignment = self._assign(pixels)  # (B, K, N)
            sums = torch.bmm(assignment, pixels.transpose(1, 2))  # (B, K, D)
            return sums - assignment.sum(2, keepdim=True) * self.codewords

    def _assign(self, pixels: Tensor) -> Tensor:
        products = torch.bmm(self.codewords.expand(pixels.shape[0], -1, -1), pixels)  # (B, K, N)
        pixel_norms = torch.linalg.vector_norm(pixels, dim=1, keepdim=True).square()  # (B, 1, N), no (B, D, N) between
        code_norms = self.codewords.square().sum(1)[:, None]  # (K, 1)
        return torch.softmax(self.scale[:, None] * (pixel_norms - 2 * products + code_norms), dim=1)
