"""Filled contours by the even-odd rule, against a ray cast by hand and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.labels import contour_fill
from fusion3d_gui.imaging.labels.contour_fill import fill_contours


def by_rays(contours, shape) -> np.ndarray:
    """Whether a ray to the left of each pixel's centre crosses an odd number of edges, one by one."""
    inside = np.zeros(shape, bool)
    for points in contours:
        for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            for row in range(shape[0]):
                if (y0 <= row) != (y1 <= row) and y0 != y1:
                    crossing = x0 + (row - y0) * (x1 - x0) / (y1 - y0)
                    inside[row] ^= np.arange(shape[1]) >= crossing
    return inside


@pytest.mark.parametrize("seed", range(6))
def test_any_contours_fill_what_rays_find(seed):
    """Also those that cross themselves and each other, and leave the image on all sides."""
    chance = np.random.default_rng(seed)
    contours = [chance.uniform(-6, 22, (count, 2)) for count in (3, 5, 9)]
    shape = 13, 17
    found = fill_contours(contours, shape)
    assert found.dtype == bool and found.shape == shape
    np.testing.assert_array_equal(found, by_rays(contours, shape))


def test_corners_and_edges_on_pixel_centres_count_once():
    """Half open: of a square from 2 to 5 the first row and column are inside, the last are not."""
    square = np.array([[2, 2], [5, 2], [5, 5], [2, 5]])
    for points in (square, square[::-1], np.roll(square, 1, axis=0)):
        expected = np.zeros((8, 9), bool)
        expected[2:5, 2:5] = True
        np.testing.assert_array_equal(fill_contours([points], (8, 9)), expected)


def test_a_hole_within_a_contour_stays_open_and_an_island_in_it_is_filled():
    def square(low, high):
        return np.array([[low, low], [high, low], [high, high], [low, high]], float)

    found = fill_contours([square(0.5, 9.5), square(2.5, 7.5), square(4.5, 5.5)], (11, 11))
    expected = np.zeros((11, 11), bool)
    expected[1:10, 1:10] = True
    expected[3:8, 3:8] = False
    expected[5, 5] = True
    np.testing.assert_array_equal(found, expected)


def test_the_last_column_and_row_are_filled_and_nothing_beyond():
    found = fill_contours([np.array([[-9, -9], [99, -9], [99, 99], [-9, 99.0]])], (3, 4))
    assert found.all()
    assert not fill_contours([np.array([[4, 0], [9, 0], [9, 9], [4, 9.0]])], (3, 4)).any()
    found = fill_contours([np.array([[2.5, -1], [9, -1], [9, 9], [2.5, 9.0]])], (3, 4))
    assert found.tolist() == [[False, False, False, True]] * 3


def test_no_contour_and_flat_contours_fill_nothing():
    assert not fill_contours([], (3, 4)).any()
    assert not fill_contours([np.array([[0, 1], [3, 1.0]])], (3, 4)).any()
    assert not fill_contours([np.zeros((3, 2))], (3, 4)).any()
    assert fill_contours([np.zeros((3, 2))], (0, 4)).shape == (0, 4)


def test_contours_of_many_corners_are_filled_block_by_block(monkeypatch):
    star = np.random.default_rng(1).uniform(0, 12, (23, 2))
    whole = fill_contours([star], (12, 12))
    for crossings in (1, 60, 84):
        monkeypatch.setattr(contour_fill, "_MOST_CROSSINGS", crossings)
        np.testing.assert_array_equal(fill_contours([star], (12, 12)), whole)
