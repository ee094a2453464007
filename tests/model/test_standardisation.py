"""Intensities as the network sees them, beside numpy: on volumes whose grid is the network's own."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.preprocessing import Preprocessing

_SHAPE = (17, 17, 17)


def _volume(values: np.ndarray) -> Volume:
    return Volume(values.astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))


def _standardised(values: np.ndarray) -> np.ndarray:
    """The documented recipe in float64, on a volume whose grid is the network's: all but the outer faces counts.

    Means between quantiles by repeating every value, so that each share is a whole number of copies.
    """
    heights = np.repeat(np.sort(values.ravel()), 400)
    share = heights.size // 400
    darkest = heights[: 8 * share].mean()  # 0 to 2 %
    high = heights[397 * share : 399 * share].mean()  # 99.25 to 99.75 %
    high = max(high, darkest + 0.01 * (values.max() - darkest))
    tissue = np.interp((values - darkest) / (high - darkest), [0.05, 0.15], [0, 1])
    low = np.average(values, weights=1 - tissue)
    scaled = np.clip((values - low) / (high - low), 0, 2)
    tissue = np.interp(scaled, [0.05, 0.15], [0, 1])
    mean = np.average(scaled, weights=tissue)
    deviation = np.sqrt(np.average((scaled - mean) ** 2, weights=tissue))
    return tissue * (scaled - mean) / max(deviation, 1e-3)


@pytest.mark.parametrize("shape", [1.0, 2.0, 9.0])
def test_a_volume_on_the_networks_own_grid_is_standardised_as_documented(shape):
    values = np.random.default_rng(5).gamma(shape, 40.0, _SHAPE)
    made = Preprocessing(_SHAPE, 3.0).apply(_volume(values))
    np.testing.assert_allclose(made.voxels, _standardised(values), atol=2e-5)
    np.testing.assert_allclose(np.diag(made.affine), [3, 3, 3, 1])


def test_a_bright_vessel_counts_as_twice_the_range_and_no_more():
    values = np.random.default_rng(6).gamma(2.0, 40.0, _SHAPE)
    low, high = np.percentile(values, [1, 99.5])
    values[8, 8, 8], values[8, 8, 9] = low + 10 * (high - low), low + 50 * (high - low)
    made = Preprocessing(_SHAPE, 3.0).apply(_volume(values)).voxels
    assert made[8, 8, 8] == pytest.approx(made[8, 8, 9]) == pytest.approx(made.max())
    np.testing.assert_allclose(made, _standardised(values), atol=2e-5)


@pytest.mark.parametrize("ones", [1, 5, 11, 12, 13, 20, 36, 37, 50, 500])
def test_a_mask_with_few_ones_is_standardised_as_documented(ones):
    """12.3 of 4913 voxels are 0.25 %: where the high end leaves the zeros."""
    values = np.random.default_rng(8).permutation(np.arange(17**3) < ones).reshape(_SHAPE) * 1.0
    values[3, 3, 3:7] = 0.004, 0.012, 0.3, 0.6
    made = Preprocessing(_SHAPE, 3.0).apply(_volume(values)).voxels
    np.testing.assert_allclose(made, _standardised(values), atol=1e-4, rtol=1e-5)
    assert np.ptp(made) > 0.5


def test_a_window_is_a_straight_line_between_its_ends():
    values = np.linspace(-500, 700, 17**3).reshape(_SHAPE)
    preprocessing = Preprocessing(_SHAPE, 3.0, "window", window_center=50, window_width=400)
    made = preprocessing.apply(_volume(values)).voxels
    np.testing.assert_allclose(made, np.interp(values, [-150, 250], [-1, 1]), atol=1e-4)
    np.testing.assert_array_equal(preprocessing.foreground(made), made > -1)


def test_what_lies_outside_the_scan_is_air():
    values = np.full((9, 9, 9), 1000.0)
    values[:, :, :5] = 900
    outside = (0, 0, 0), (16, 16, 16)
    window = Preprocessing(_SHAPE, 3.0, "window", window_center=0, window_width=100)
    made = window.apply(_volume(values)).voxels
    assert [made[index] for index in (*outside, (8, 8, 8))] == [-1, -1, 1]
    made = Preprocessing(_SHAPE, 3.0).apply(_volume(values))
    assert [made.voxels[index] for index in outside] == [0, 0]
    np.testing.assert_allclose(made.affine[:3, 3], -12)
