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
    """The documented recipe: 1st to 99.5th percentile, at most twice that, then mean and deviation."""
    low, high = np.percentile(values, [1, 99.5])
    scaled = np.clip((values - low) / (high - low), 0, 2)
    tissue = scaled[scaled > 0.1]
    done = (scaled - tissue.mean()) / max(tissue.std(), 1e-3)
    return np.where(scaled > 0.1, done, 0)


def test_a_volume_on_the_networks_own_grid_is_standardised_by_percentiles():
    values = np.random.default_rng(5).gamma(2.0, 40.0, _SHAPE)
    made = Preprocessing(_SHAPE, 3.0).apply(_volume(values))
    np.testing.assert_allclose(made.voxels, _standardised(values), atol=2e-4)
    np.testing.assert_allclose(np.diag(made.affine), [3, 3, 3, 1])


def test_a_bright_vessel_counts_as_twice_the_range_and_no_more():
    values = np.random.default_rng(6).gamma(2.0, 40.0, _SHAPE)
    low, high = np.percentile(values, [1, 99.5])
    values[8, 8, 8], values[8, 8, 9] = low + 10 * (high - low), low + 50 * (high - low)
    made = Preprocessing(_SHAPE, 3.0).apply(_volume(values)).voxels
    assert made[8, 8, 8] == pytest.approx(made[8, 8, 9]) == pytest.approx(made.max())
    np.testing.assert_allclose(made, _standardised(values), atol=2e-3)


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
