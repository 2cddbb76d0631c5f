"""Boundary regions on cases worked by hand, and against the authors' definition pixel by pixel."""

import numpy as np
import pytest

from fastfcn.data.dataset import IGNORE
from fastfcn.evaluation.regions.contours import boundary_width, distance_to_another, filled, inner_boundary


def square(side: int, top: int, left: int, *, size: int = 20) -> np.ndarray:
    """A mask of a square."""
    mask = np.zeros((size, size), bool)
    mask[top : top + side, left : left + side] = True
    return mask


@pytest.mark.parametrize(("height", "width", "expected"), [(360, 480, 12), (512, 512, 14), (20, 20, 1), (90, 120, 3)])
def test_a_region_is_two_hundredths_of_the_diagonal_wide(height: int, width: int, expected: int) -> None:
    """600, 724.1, 28.3 and 150 pixels; their code takes round(0.02 * diagonal), at least 1."""
    assert boundary_width(height, width) == expected


def test_the_ring_of_a_square() -> None:
    """10 x 10 less its inner 6 x 6 is 64 for a width of 2; of 5, all of it."""
    assert inner_boundary(square(10, 5, 5), 2).sum() == 64
    assert inner_boundary(square(10, 5, 5), 1).sum() == 36
    assert inner_boundary(square(10, 5, 5), 5).sum() == 100
    assert not inner_boundary(square(10, 5, 5), 4)[9:11, 9:11].any()


def test_the_border_of_the_image_is_a_contour() -> None:
    """Of a mask that is the whole image the frame of one pixel: 20 x 20 less 18 x 18."""
    assert inner_boundary(np.ones((20, 20), bool), 1).sum() == 400 - 324


def test_two_squares_a_pixel_apart() -> None:
    """10 x 10 and the same a column to the right, width 1: rings of 36 share 9 + 9 of the rows, 2 x 0 of the columns.

    Top and bottom rows overlap in columns 6..14, 9 pixels each; a left side is the other's inside. IoU = 18 / 54.
    """
    one, other = inner_boundary(square(10, 5, 5), 1), inner_boundary(square(10, 5, 6), 1)
    assert ((one & other).sum(), (one | other).sum()) == (18, 54)


@pytest.mark.parametrize("width", [1, 2, 4])
def test_as_defined_pixel_by_pixel(width: int) -> None:
    mask = np.random.default_rng(0).random((17, 23)) < 0.9
    around = np.pad(mask, width)
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        expected[row, column] = not around[row : row + 2 * width + 1, column : column + 2 * width + 1].all()
    np.testing.assert_array_equal(inner_boundary(mask, width), expected)


def test_distance_to_another_class() -> None:
    """Columns 0..3 of one class and 4..9 of another: 4, 3, 2, 1 and 1, 2, ... 6."""
    truth = np.zeros((6, 10), np.uint8)
    truth[:, 4:] = 3
    np.testing.assert_array_equal(distance_to_another(truth)[2], [4, 3, 2, 1, 1, 2, 3, 4, 5, 6])
    assert np.isinf(distance_to_another(np.zeros((4, 4), np.uint8))).all()


def test_distances_are_euclidean() -> None:
    truth = np.zeros((9, 9), np.uint8)
    truth[0, 0] = 1
    assert distance_to_another(truth)[3, 4] == pytest.approx(5)


def test_an_ignored_strip_hides_no_boundary() -> None:
    """The boundary runs in the middle of the strip, of columns 3..6: 0..4 are of the left class then."""
    truth = np.zeros((5, 10), np.uint8)
    truth[:, 7:] = 2
    truth[:, 3:7] = IGNORE
    np.testing.assert_array_equal(filled(truth)[0], [0, 0, 0, 0, 0, 2, 2, 2, 2, 2])
    assert distance_to_another(truth)[0, 2] == 3
    assert (filled(np.full((3, 3), IGNORE, np.uint8)) == IGNORE).all()
