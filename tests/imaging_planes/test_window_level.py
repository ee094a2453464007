"""Windows: what is black, what is white, and which one a scan opens with."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.display.window import (
    Window,
    gray_table,
    percentile_window,
    presets,
    to_gray,
    value_histogram,
)
from fusion3d_gui.imaging.voi_curve import SIGMOID, VoiCurve
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


def test_a_file_window_however_narrow_is_taken():
    assert opening_window(volume_of(np.zeros((2, 2, 2)), windows=((0.1, 0.2),))) == Window(0.1, 0.2)


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
    assert opening_window(volume_of(np.full((3, 3, 3), 7.0))) == Window(7.0, 1.0)
    assert opening_window(volume_of(np.full((3, 3, 3), np.nan))) == Window(0.5, 1.0)


def test_a_sparse_mask_is_shown_over_its_whole_range():
    values = np.zeros((20, 20, 20), np.uint8)
    values[10, 10, 10] = 1
    window = opening_window(volume_of(values))
    assert (window.low, window.high) == (0.0, 1.0)


#: (centre, width) in HU as radiology textbooks and scanners have them.
CT_WINDOWS = {
    "Brain": (40, 80),
    "Subdural": (75, 215),
    "Stroke": (40, 40),
    "Bone": (500, 2000),
    "Lung": (-600, 1500),
    "Mediastinum": (50, 350),
    "Abdomen": (50, 400),
    "Liver": (80, 150),
}


def test_ct_has_the_windows_that_radiologists_know():
    found = presets(volume_of(np.zeros((2, 2, 2)), modality="CT"))[1:]
    assert {each.name: (each.window.center, each.window.width) for each in found} == CT_WINDOWS


def test_uptake_values_have_ranges_from_zero():
    volume = volume_of(np.random.default_rng(0).random((9, 9, 9)), modality="PT", unit="SUV")
    found = {each.name: (each.window.low, each.window.high) for each in presets(volume)[1:]}
    assert found == {"SUV 0–5": (0, 5), "SUV 0–10": (0, 10), "SUV 0–20": (0, 20)}


def test_other_scans_have_softer_and_harder_contrast_around_the_automatic_window():
    values = np.random.default_rng(0).normal(500, 100, (30, 30, 30)).astype(np.float32)
    automatic, soft, high = presets(volume_of(values, modality="MR"))
    assert [each.name for each in (automatic, soft, high)] == [
        "Automatic",
        "Soft contrast",
        "High contrast",
    ]
    low_edge, high_edge = np.percentile(values, (1.0, 99.9))
    assert automatic.window.low == pytest.approx(low_edge, rel=1e-4)
    assert automatic.window.high == pytest.approx(high_edge, rel=1e-4)
    assert (soft.window.low, soft.window.high) == pytest.approx((values.min(), values.max()))
    assert high.window.center == automatic.window.center
    assert high.window.width == pytest.approx(automatic.window.width / 2)


def test_a_large_volume_is_judged_by_a_regular_subsample():
    values = np.zeros((128, 128, 128), np.int16)
    values[::2, ::2, ::2] = np.arange(64, dtype=np.int16)[:, None, None]
    window = percentile_window(volume_of(values), 0.0, 100.0)
    assert (window.low, window.high) == (0, 63)
    values[1::2] = 5000
    assert percentile_window(volume_of(values), 0.0, 100.0).high == 63


def test_the_histogram_is_numpys_over_all_but_the_most_extreme_values():
    values = np.random.default_rng(0).normal(0, 100, (30, 30, 30)).astype(np.float32)
    values[0, 0, 0], values[1, 1, 1] = np.nan, 1e6
    counts, low, high = value_histogram(volume_of(values, slope=2.0, intercept=10.0), 17)
    real = values[np.isfinite(values)] * 2.0 + 10.0
    assert (low, high) == pytest.approx(np.quantile(real, (0.0005, 0.9998)), rel=1e-4)
    expected, _ = np.histogram(real, bins=17, range=(low, high))
    np.testing.assert_array_equal(counts, expected)


def test_the_histogram_of_one_value_and_of_none_still_has_a_range():
    counts, low, high = value_histogram(volume_of(np.full((3, 3, 3), 7, np.int16)), 4)
    assert (low, high, counts.sum()) == (6.5, 7.5, 27)
    counts, low, high = value_histogram(volume_of(np.full((2, 2, 2), np.nan)), 4)
    assert (low, high, counts.tolist()) == (0.0, 1.0, [0, 0, 0, 0])


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


def test_edges_and_centre_say_the_same():
    window = Window(40, 80)
    assert (window.low, window.high) == (0, 80)
    assert Window.between(-160.0, 240.0) == Window(40.0, 400.0)
    assert Window.between(3.0, 3.0).width > 0


def test_a_reshaped_window_keeps_its_curve():
    curve = VoiCurve((0.0, 0.2, 1.0))
    assert Window(1, 2, curve).reshaped(5, 6) == Window(5, 6, curve)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint16])
@pytest.mark.parametrize("curve", [None, SIGMOID])
def test_the_table_of_gray_levels_says_of_every_stored_value_what_the_steps_say(kind, curve):
    volume = volume_of(np.zeros((1, 1, 1), kind), slope=0.5, intercept=-3.0, padding=(7, 9))
    window = Window(20, 60, curve)
    limits = np.iinfo(kind)
    stored = np.arange(limits.min, limits.max + 1).astype(kind)
    table = gray_table(volume, window)
    by_table = table[stored.view(f"u{stored.itemsize}")]
    np.testing.assert_array_equal(by_table, to_gray(stored, volume, window))
    assert by_table[stored == 8].item() == 0


@pytest.mark.parametrize("kind", [np.int32, np.float32, ">i2"])
def test_there_is_no_table_for_types_of_too_many_values_or_of_another_byte_order(kind):
    assert gray_table(volume_of(np.zeros((1, 1, 1), kind)), Window(0, 1)) is None


def test_a_sigmoid_is_dicoms_within_a_hundredth():
    # PS3.3 C.11.2.1.3.1: y = 1 / (1 + exp(-4 (x - c) / w)).
    values = np.linspace(-60, 140, 201, dtype=np.float32)
    gray = to_gray(values, volume_of(np.zeros((1, 1, 1), np.float32)), Window(40, 80, SIGMOID))
    expected = 255 / (1 + np.exp(-4 * (values - 40) / 80))
    np.testing.assert_allclose(gray, expected, atol=0.6)
    beyond = np.array([-1e4, 1e4], np.float32)
    found = SIGMOID.brightness(beyond)
    np.testing.assert_allclose(found, [0.0, 1.0], atol=0.01)


def test_a_table_of_brightness_spans_the_window_from_edge_to_edge():
    curve = VoiCurve.from_table(np.array([0, 100, 400, 1000]), 1000)
    shares = np.array([-1.0, 0.0, 1 / 3, 0.5, 2 / 3, 1.0, 2.0], np.float32)
    np.testing.assert_allclose(
        curve.brightness(shares), [0, 0, 0.1, 0.25, 0.4, 1, 1], rtol=1e-5, atol=1e-6
    )
    assert curve.brightness(shares).dtype == np.float32
    long = VoiCurve.from_table(np.arange(65536), 65535)
    assert len(long.levels) == 4096
    np.testing.assert_allclose(long.brightness(np.array([0.25, 0.75])), [0.25, 0.75], atol=1e-6)
    assert max(VoiCurve.from_table(np.array([0, 2000]), 1000).levels) == 1.0


def test_low_is_white_and_padding_is_black_at_once():
    film = volume_of(
        np.zeros((1, 1, 1), np.int16),
        attributes={"PhotometricInterpretation": "MONOCHROME1"},
        padding=(-5, -3),
    )
    stored = np.array([-6, -5, -4, -3, -2], np.int16)
    assert to_gray(stored, film, Window(50, 100)).tolist() == [255, 0, 0, 0, 255]


def test_a_negative_slope_makes_low_stored_values_bright():
    stored = np.array([0, 50, 100], np.uint8)
    volume = volume_of(stored[None, None], slope=-1.0, intercept=100.0)
    assert to_gray(stored, volume, Window(50, 100)).tolist() == [255, 128, 0]


def test_the_histogram_of_a_large_volume_counts_a_regular_subsample():
    values = np.full((80, 80, 80), 900, np.int16)
    values[::2, ::2, ::2] = np.arange(40, dtype=np.int16)[:, None, None]
    counts, low, high = value_histogram(volume_of(values), 10)
    assert counts.sum() == 40**3
    assert (low, high) == (0, 39)
    np.testing.assert_array_equal(counts, 4 * 40**2)
