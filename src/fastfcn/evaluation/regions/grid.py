"""What a perfect network of a coarse grid would score: true labels, one a cell, resized as logits are."""

import numpy as np
import torch
import torch.nn.functional as F

from fastfcn.data.dataset import UInt8


def grid_labels(truth: UInt8, stride: int) -> UInt8:
    """Return the labels (H, W) of a grid whose cells of stride x stride have each their commonest class.

    The truth is without ignored pixels. Scores of 0 and 1 are resized bilinearly from cell to pixel.
    """
    height, width = truth.shape
    rows, columns = -(-height // stride), -(-width // stride)
    classes, index = np.unique(truth, return_inverse=True)
    cells = (np.arange(height) // stride)[:, None] * columns + np.arange(width) // stride
    counts = np.bincount(
        (cells * len(classes) + index.reshape(truth.shape)).ravel(), minlength=rows * columns * len(classes)
    )
    label = torch.from_numpy(counts).view(rows, columns, len(classes)).argmax(-1)
    scores = F.one_hot(label, len(classes)).permute(2, 0, 1).float()
    fine = F.interpolate(scores[None], scale_factor=stride, mode="bilinear", align_corners=False)[0]
    found: UInt8 = classes[fine.argmax(0)[:height, :width].numpy()]
    return found
