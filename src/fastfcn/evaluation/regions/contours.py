"""Boundaries of classes: Boundary IoU (Cheng et al. 2021, arXiv:2103.16562) and the distance to another class."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from fastfcn.data.dataset import IGNORE, UInt8

WIDTH = 0.02  # of a boundary region, as a part of the image's diagonal; their default

Mask = NDArray[np.bool_]


def boundary_width(height: int, width: int) -> int:
    """Return how many pixels a boundary region is wide, as their code rounds it."""
    return max(1, round(WIDTH * math.hypot(height, width)))


def inner_boundary(mask: Mask, width: int) -> Mask:
    """Return the pixels of a mask within `width` of its contour; the image's border is one, as in their code.

    Distances are those of a 3 x 3 erosion done `width` times, theirs: along rows, columns and diagonals alike.
    """
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1]
    return np.asarray(mask & (eroded == 0))


def filled(truth: UInt8) -> UInt8:
    """Give each ignored pixel of a mask (H, W) the class of the nearest labelled one; all ignored stays as it is."""
    ignored = truth == IGNORE
    if not ignored.any() or ignored.all():
        return truth
    nearest = nearest_zero(ignored)
    known = np.zeros(nearest.max() + 1, np.uint8)
    known[nearest[~ignored]] = truth[~ignored]
    found: UInt8 = known[nearest]
    return found


def nearest_zero(mask: Mask) -> NDArray[np.int32]:
    """Return for each pixel a number, that of the nearest pixel outside `mask`; there must be one."""
    return np.asarray(
        cv2.distanceTransformWithLabels(
            mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
        )[1]
    )


def distance_to_another(truth: UInt8) -> NDArray[np.float32]:
    """Return each pixel's distance to the nearest of another class (H, W), in pixels: 1 beside a boundary.

    Ignored pixels have the class of the nearest labelled one here, so that a strip of them hides no boundary.
    """
    classes = filled(truth)
    distance = np.full(truth.shape, np.inf, np.float32)
    for each in np.unique(classes):
        mask = classes == each
        if not mask.all():
            distance[mask] = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[mask]
    return distance
