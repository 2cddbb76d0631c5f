"""Linear interpolation as a matrix, written from its definition: what references resize with."""

import numpy as np
from numpy.typing import NDArray


def stretch(source: int, target: int, *, align_corners: bool) -> NDArray[np.float64]:
    """The matrix (target, source) that resizes one side."""
    matrix = np.zeros((target, source))
    for place in range(target):
        if align_corners:
            exact = place * (source - 1) / (target - 1) if target > 1 else 0.0
        else:
            exact = max((place + 0.5) * source / target - 0.5, 0.0)
        low = min(int(exact), source - 1)
        matrix[place, low] += 1 - (exact - low)
        matrix[place, min(low + 1, source - 1)] += exact - low
    return matrix
