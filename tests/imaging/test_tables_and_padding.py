"""Tables from stored to real values, brightness curves, padding: judged by pydicom's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing
from pydicom.sequence import Sequence

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.display.window import (
    Window,
    gray_table,
    percentile_window,
    presets,
    to_gray,
)
from fusion3d_gui.imaging.reslice.slab import Projection, project_axis
from fusion3d_gui.imaging.volume import Volume

Edit = Callable[[Dataset, int], None]


def _without(dataset: Dataset, *keywords: str) -> None:
    for keyword in keywords:
        if keyword in dataset:
            delattr(dataset, keyword)


def _table(levels: np.ndarray, first: int, bits: int, signed: bool = False) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if signed else "US", [len(levels) % 65536, first, bits])
    item.add_new("LUTData", "OW", levels.astype("<u2").tobytes())
    item.ModalityLUTType = "OD"
    return Sequence([item])


@pytest.mark.parametrize("signed", [False, True])
def test_a_table_from_stored_to_real_values_is_applied_as_pydicom_does(
    signed: bool, written: Callable[[Edit], Path]
) -> None:
    levels = (30_000 * np.sin(np.arange(2000) / 700) ** 2).astype(np.uint16)

    def edit(dataset: Dataset, number: int) -> None:
        _without(dataset, "RescaleSlope", "RescaleIntercept", "RescaleType")
        dataset.Modality = "CR"
        if signed:
            pixels = dataset.pixel_array.astype(np.int16) - 500
            dataset.PixelData, dataset.PixelRepresentation = pixels.tobytes(), 1
        dataset.ModalityLUTSequence = _table(levels, -400 if signed else 100, 16, signed)

    folder = written(edit)
    volume = open_volume(folder)
    assert (volume.unit, volume.voxels.dtype, volume.slope) == ("OD", np.uint16, 1.0)
    for path, plane in zip(sorted(folder.iterdir()), volume.voxels, strict=True):
        dataset = pydicom.dcmread(path)
        np.testing.assert_array_equal(plane, apply_modality_lut(dataset.pixel_array, dataset))


def test_a_table_from_stored_to_real_values_that_is_damaged_is_refused(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.ModalityLUTSequence = _table(np.arange(10), 0, 16)
        dataset.ModalityLUTSequence[0].LUTDescriptor = [4000, 0, 16]

    with pytest.raises(UserError, match="table from stored to real values"):
        open_volume(written(edit))


@pytest.mark.parametrize("data", [b"", b"\1\0\2"], ids=["empty", "cut short"])
def test_a_table_without_its_entries_is_refused_or_said(
    data: bytes, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        _without(dataset, "WindowCenter", "WindowWidth")
        dataset.VOILUTSequence = _table(np.arange(10), 0, 16)
        dataset.VOILUTSequence[0].LUTData = data

    folder = written(edit)
    assert "table from values to brightness can't be used" in " ".join(open_volume(folder).notices)
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.ModalityLUTSequence = dataset.VOILUTSequence
        dataset.save_as(path)
    with pytest.raises(UserError, match="table from stored to real values"):
        open_volume(folder)


def test_a_table_that_no_parser_can_read_is_refused_or_said(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        _without(dataset, "WindowCenter", "WindowWidth")
        dataset.add_new(0x00283010, "OB", b"\xfe\xff\x00\xe0\x06\x00\x00\x00\x28\x00")

    folder = written(edit)
    for path in folder.iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"\x28\x00\x10\x30OB", b"\x28\x00\x10\x30SQ"))
    assert "table from values to brightness can't be used" in " ".join(open_volume(folder).notices)
    for path in folder.iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole.replace(b"\x28\x00\x10\x30SQ", b"\x28\x00\x00\x30SQ"))
    with pytest.raises(UserError):
        open_volume(folder)


def test_an_empty_table_sequence_is_no_table(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.ModalityLUTSequence = Sequence([])
        dataset.VOILUTSequence = Sequence([])

    assert open_volume(written(edit)).slope == 2.0


def _as_a_screen(values: np.ndarray, highest: float) -> np.ndarray:
    return values / highest * 255


@pytest.mark.parametrize("gamma", [1.0, 2.5, -1.0])
def test_the_files_brightness_table_is_what_its_window_shows(
    gamma: float, written: Callable[[Edit], Path]
) -> None:
    shares = (np.arange(1000) / 999) ** abs(gamma)
    levels = np.rint(4095 * (shares if gamma > 0 else 1 - shares))

    def edit(dataset: Dataset, number: int) -> None:
        _without(dataset, "WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept")
        dataset.Modality = "MR"
        dataset.VOILUTSequence = _table(levels, 200, 12)

    folder = written(edit)
    volume = open_volume(folder)
    window = presets(volume)[0].window
    assert (window.curve is None) == (gamma == 1.0)
    assert any("brightness curve" in each for each in volume.notices) == (gamma != 1.0)
    assert (window.center, window.width) == pytest.approx((699.5, 999), abs=1.0)
    assert presets(volume)[1].window.curve is None
    dataset = pydicom.dcmread(sorted(folder.iterdir())[3])
    theirs = _as_a_screen(apply_voi(dataset.pixel_array, dataset).astype(float), 4095)
    shown = to_gray(volume.voxels[3], volume, window).astype(float)
    np.testing.assert_allclose(shown, theirs, atol=1.0)
    by_table = gray_table(volume, window)[volume.voxels[3].view(np.uint16)]
    np.testing.assert_array_equal(by_table, shown)


@pytest.mark.parametrize(("signed", "intercept"), [(True, 0), (False, -1000)])
def test_a_brightness_table_may_begin_below_0_where_values_do(
    signed: bool, intercept: int, written: Callable[[Edit], Path]
) -> None:
    """By signed pixels, or by a negative intercept (PS3.3 C.11.2.1.1)."""

    def edit(dataset: Dataset, number: int) -> None:
        _without(dataset, "WindowCenter", "WindowWidth")
        dataset.PixelRepresentation = int(signed)
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, intercept
        values = np.arange(dataset.Rows * dataset.Columns) * 37 % 1500 - 700
        dataset.PixelData = (values - intercept).astype("<i2").tobytes()
        dataset.VOILUTSequence = _table(np.rint(np.linspace(0, 4095, 1000)), -500, 12, signed=True)

    folder = written(edit)
    volume = open_volume(folder)
    window = presets(volume)[0].window
    assert (window.center, window.width) == pytest.approx((-500 + 999 / 2, 999), abs=1.0)
    dataset = pydicom.dcmread(sorted(folder.iterdir())[3])
    values = apply_modality_lut(dataset.pixel_array, dataset).astype(int)
    theirs = _as_a_screen(apply_voi(values, dataset).astype(float), 4095)
    np.testing.assert_allclose(to_gray(volume.voxels[3], volume, window), theirs, atol=1.0)


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT", "LINEAR"])
def test_the_files_voi_function_is_what_its_window_shows(
    function: str, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.WindowCenter, dataset.WindowWidth = 2000, 1500
        dataset.VOILUTFunction = function

    folder = written(edit)
    volume = open_volume(folder)
    window = presets(volume)[0].window
    assert (window.center, window.width) == (2000, 1500)
    dataset = pydicom.dcmread(sorted(folder.iterdir())[3])
    dataset.BitsStored = 16
    values = apply_modality_lut(dataset.pixel_array, dataset)
    low, high = values.min() * 0 - 100.0, 2.0 * 65535 - 100.0  # of all that could be stored
    theirs = apply_windowing(values, dataset)
    theirs = (theirs - low) / (high - low) * 255
    shown = to_gray(volume.voxels[3], volume, window)
    np.testing.assert_allclose(shown, theirs, atol=1.2)
    # Dragged, the curve stays what it is.
    assert window.reshaped(100, 50).curve is window.curve


def test_padding_is_black_and_no_part_of_the_automatic_window(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        _pad(dataset)
        dataset.PhotometricInterpretation = "MONOCHROME1"

    volume = open_volume(written(edit))
    assert volume.padding == (60_000, 60_010)
    assert percentile_window(volume, 0, 100).high < 7000
    gray = to_gray(volume.voxels[0], volume, Window(3000, 6000))
    assert (gray[:5] == 0).all()
    assert gray[5:].max() > 200


def _pad(dataset: Dataset) -> None:
    pixels = dataset.pixel_array.copy()
    pixels[:4] = 60_000
    pixels[4] = 60_010
    dataset.PixelData = pixels.astype("<u2").tobytes()
    dataset.PixelRepresentation = 0
    dataset.Modality = "MR"
    dataset.add_new("PixelPaddingValue", "US", 60_000)
    dataset.add_new("PixelPaddingRangeLimit", "US", 60_010)


def _is_dark(volume: Volume, measured: np.ndarray) -> None:
    np.testing.assert_array_equal(volume.voxels[:, 5:], measured[:, 5:])
    for axis in range(3):
        assert project_axis(volume.voxels, axis, Projection.MAXIMUM).max() == measured[:, 5:].max()
    for plane, whole in zip(volume.voxels, measured, strict=True):
        assert (plane[:5] == whole[5:].min()).all()


def test_padding_brighter_than_the_scan_shines_through_no_slab(
    written: Callable[[Edit], Path],
) -> None:
    folder = written(lambda dataset, number: _pad(dataset))
    measured = np.stack([pydicom.dcmread(path).pixel_array for path in sorted(folder.iterdir())])
    seen: list[Volume] = []
    volume = open_volume(folder, watch=seen.append)
    _is_dark(volume, measured)
    assert seen[0].voxels[3].max() < 60_000
    assert "Padding brighter than the scan" in " ".join(volume.notices)


def test_negative_padding_stays_what_it_is(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        pixels = dataset.pixel_array.astype(np.int16) - 900
        pixels[:5] = -2000
        dataset.PixelData, dataset.PixelRepresentation = pixels.tobytes(), 1
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
        dataset.add_new("PixelPaddingValue", "SS", -2000)

    volume = open_volume(written(edit))
    assert volume.padding == (-2000, -2000)
    assert (volume.voxels[:, :5] == -2000).all()
    assert percentile_window(volume, 0, 100).low >= -900
    assert not volume.notices


def test_padding_below_0_that_is_brighter_than_what_was_measured_is_made_dark(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        pixels = -1900 + dataset.pixel_array.astype(np.int16) % 300
        pixels[:5] = -1500
        dataset.PixelData, dataset.PixelRepresentation = pixels.tobytes(), 1
        dataset.Modality, dataset.BitsStored, dataset.HighBit = "MR", 12, 11
        dataset.add_new("PixelPaddingValue", "SS", -1500)

    volume = open_volume(written(edit))
    for plane in volume.voxels:
        assert (plane[:5] == plane[5:].min()).all()
    assert any("Padding brighter" in notice for notice in volume.notices)


def test_padding_with_bits_above_the_stored_ones_is_known_by_those_that_are_kept(
    written: Callable[[Edit], Path],
) -> None:
    """63536 is -2000 in 16 bits; once the bits above the 12 stored ones are gone it is 2096."""

    def edit(dataset: Dataset, number: int) -> None:
        pixels = dataset.pixel_array % 2000
        pixels[:5] = 63_536
        dataset.PixelData = pixels.astype("<u2").tobytes()
        dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 0, 12, 11
        dataset.Modality = "MR"
        dataset.add_new("PixelPaddingValue", "US", 63_536)

    volume = open_volume(written(edit))
    assert volume.padding == (2096, 2096)
    assert volume.voxels.max() < 2000


@pytest.mark.parametrize(("allocated", "padding"), [(8, (255, 255)), (32, None)])
def test_padding_is_known_of_pixels_of_at_most_16_bits(
    allocated: int, padding: tuple[int, int] | None, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.Modality = "MR"
        values = np.arange(dataset.Rows * dataset.Columns, dtype=f"<u{allocated // 8}")
        dataset.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
        dataset["PixelData"].VR = "OW"
        dataset.BitsAllocated = dataset.BitsStored = allocated
        dataset.HighBit, dataset.PixelRepresentation = allocated - 1, 0
        dataset.add_new("PixelPaddingValue", "US", 255)

    assert open_volume(written(edit)).padding == padding


def test_a_ct_that_calls_tissue_padding_is_shown_as_it_is(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.RescaleIntercept, dataset.RescaleSlope = 0, 1
        dataset.add_new("PixelPaddingValue", "US", 0)

    volume = open_volume(written(edit))
    assert volume.padding is None
    assert "0 HU padding" in " ".join(volume.notices)


@pytest.mark.parametrize(("intercept", "center"), [(0.0, 40_049.5), (-0.5, 40_049.5 - 65_536)])
def test_a_brightness_table_begins_below_0_only_where_values_may(
    intercept: float, center: float, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        _without(dataset, "WindowCenter", "WindowWidth")
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, intercept
        dataset.VOILUTSequence = _table(np.rint(np.linspace(0, 65_535, 100)), 40_000, 16)

    ((found, _),) = open_volume(written(edit)).windows

    assert found == pytest.approx(center, abs=6)
