"""Small, large, thin and thick things: the parts that a class falls into in an image."""

import cv2
import numpy as np
from numpy.typing import NDArray

from fastfcn.evaluation.regions.contours import Mask, boundary_width, nearest_zero
from fastfcn.reporting.boundary import SIZES

Groups = NDArray[np.int64]  # (H, W)


def size_groups(mask: Mask) -> Groups:
    """Group the pixels of a class by the size of their connected part (of 8 neighbours): an index of SIZES."""
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    limits = [limit for limit in SIZES.values() if limit is not None]
    by_part = np.searchsorted(limits, statistics[:, cv2.CC_STAT_AREA], side="right")
    return np.asarray(by_part[parts])


def thin_groups(mask: Mask) -> Groups:
    """Group the pixels of a class: 0 where it is narrower than a boundary region is wide, or else 1.

    Narrow is where no square of that side, made odd, fits into the class (its opening); beyond the image it goes on.
    """
    side = boundary_width(*mask.shape) // 2 * 2 + 1
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    return np.asarray(opened, np.int64)


def nearest_groups(mask: Mask, groups: Groups, wanted: Mask) -> Groups:
    """Return the groups of the pixels of a class that are nearest to those `wanted`, (K,)."""
    nearest = nearest_zero(~mask)
    known = np.zeros(nearest.max() + 1, np.int64)
    known[nearest[mask]] = groups[mask]
    found: Groups = known[nearest[wanted]]
    return found
