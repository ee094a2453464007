"""Windows: what is black, what is white, and which one a scan opens with."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.display.window_level import (
    Window,
    percentile_window,
    presets,
    to_gray,
)
from fusion3d_gui.imaging.volume import Volume


def volume_of(values: np.ndarray, **about: object) -> Volume:
    return Volume(np.asarray(values), np.eye(4), **about)


def opening_window(volume: Volume) -> Window:
    """The window under which a scan opens: that of its first preset."""
    return presets(volume)[0].window


def test_the_files_own_first_window_is_the_default():
    volume = volume_of(np.zeros((2, 2, 2), np.int16), windows=((40, 80), (600, 2800)))
    assert opening_window(volume) == Window(40, 80)
    assert [each.name for each in presets(volume)][:3] == ["From file", "From file 2", "Automatic"]


def test_a_file_window_that_makes_no_sense_is_passed_over():
    windows = ((np.nan, 80.0), (40.0, 0.0), (10.0, -5.0))
    volume = volume_of(np.arange(1000).reshape(10, 10, 10), windows=windows)
    assert presets(volume)[0].name == "Automatic"


def test_the_automatic_window_is_numpys_percentiles_of_real_values():
    values = np.random.default_rng(0).normal(500, 100, (20, 30, 40)).astype(np.int16)
    volume = volume_of(values, slope=2.0, intercept=-100.0)
    window = percentile_window(volume, 1.0, 99.5)
    low, high = np.percentile(values * 2.0 - 100.0, (1.0, 99.5))
    assert (window.low, window.high) == pytest.approx((low, high), abs=1e-3)


def test_a_few_extreme_voxels_do_not_darken_the_automatic_window():
    values = np.random.default_rng(0).integers(0, 1000, (30, 30, 30)).astype(np.float32)
    values[0, 0, :5] = 1e6
    assert opening_window(volume_of(values)).high < 1100


def test_a_constant_volume_and_one_without_finite_values_still_have_a_window():
    assert opening_window(volume_of(np.full((3, 3, 3), 7.0))).width > 0
    assert opening_window(volume_of(np.full((3, 3, 3), np.nan))).width > 0


def test_a_sparse_mask_is_shown_over_its_whole_range():
    values = np.zeros((20, 20, 20), np.uint8)
    values[10, 10, 10] = 1
    window = opening_window(volume_of(values))
    assert (window.low, window.high) == (0.0, 1.0)


def test_ct_has_the_windows_that_radiologists_know():
    names = [each.name for each in presets(volume_of(np.zeros((2, 2, 2)), modality="CT"))]
    for name in ("Brain", "Subdural", "Stroke", "Bone", "Lung", "Mediastinum", "Abdomen", "Liver"):
        assert name in names


def test_uptake_values_have_ranges_from_zero():
    volume = volume_of(np.random.default_rng(0).random((9, 9, 9)), modality="PT", unit="SUV")
    found = {each.name: each.window for each in presets(volume)}
    assert (found["SUV 0–10"].low, found["SUV 0–10"].high) == (0, 10)


def test_gray_levels_run_linearly_from_the_lower_to_the_upper_edge():
    stored = np.array([[-2000, -60, 40, 140, 3000]], np.int16)
    volume = volume_of(stored[None], slope=1.0, intercept=0.0)
    assert to_gray(stored, volume, Window(40, 200)).tolist() == [[0, 0, 128, 255, 255]]


def test_gray_levels_heed_slope_and_intercept():
    stored = np.array([[0, 500, 1000]], np.uint16)
    volume = volume_of(stored[None], slope=2.0, intercept=-1000.0)
    assert to_gray(stored, volume, Window(0, 2000)).tolist() == [[0, 128, 255]]


def test_outside_the_volume_is_black():
    stored = np.array([[np.nan, 100.0]], np.float32)
    assert to_gray(stored, volume_of(stored[None]), Window(-50, 10)).tolist() == [[0, 255]]


def test_a_window_is_never_empty():
    assert Window(5, 0).width > 0
    with pytest.raises(ValueError, match="finite"):
        Window(float("nan"), 1)


def test_low_values_are_white_where_the_file_means_them_so():
    values = np.array([0.0, 50.0, 100.0, np.nan], np.float32)
    plain = volume_of(np.zeros((1, 1, 1), np.int16))
    film = volume_of(
        np.zeros((1, 1, 1), np.int16), attributes={"PhotometricInterpretation": "MONOCHROME1"}
    )
    window = Window(50, 100)
    assert to_gray(values, plain, window).tolist() == [0, 128, 255, 0]
    np.testing.assert_allclose(to_gray(values, film, window), [255, 127, 0, 0], atol=1)
