"""Palette colour images: the luminance of the colours that pydicom gives them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_color_lut, convert_color_space
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues
from fusion3d_gui.imaging.dicom.pixels.palette_lut import read_palette

_COLOURS = ("Red", "Green", "Blue")
_WEIGHTS = np.array([0.299, 0.587, 0.114])
_DESCRIPTOR = pydicom.datadict.tag_for_keyword("RedPaletteColorLookupTableDescriptor")
_SEGMENTED = pydicom.datadict.tag_for_keyword("SegmentedRedPaletteColorLookupTableData")
assert _DESCRIPTOR is not None and _SEGMENTED is not None


def _saved(path: Path, pixels: np.ndarray) -> Dataset:
    """An image in palette colour, without its palettes; not yet written."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.SeriesInstanceUID, dataset.Modality = "1.2.4", "OT"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "PALETTE COLOR"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def _add_palettes(dataset: Dataset, descriptor: list[int], data: list[bytes], prefix: str) -> None:
    vr = "SS" if dataset.PixelRepresentation else "US"
    for colour, entries in zip(_COLOURS, data, strict=True):
        dataset.add_new(f"{colour}PaletteColorLookupTableDescriptor", vr, descriptor)
        dataset.add_new(f"{prefix}{colour}PaletteColorLookupTableData", "OW", entries)


def _gray(dataset: Dataset, pixels: np.ndarray) -> np.ndarray:
    return apply_color_lut(pixels, dataset).astype(np.float64) @ _WEIGHTS


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("first", [0, 40, -50])
def test_an_8_bit_palette_gives_the_luminance_of_pydicoms_colours(
    dtype: type, first: int, tmp_path: Path
) -> None:
    if first < 0 and dtype is not np.int16:
        first += 100
    # pydicom wraps values around that lie 256 or more beyond the first.
    low = max(np.iinfo(dtype).min, first - 100)
    values = np.linspace(low, min(np.iinfo(dtype).max, first + 255), 16 * 12)
    pixels = values.astype(dtype).reshape(16, 12)
    dataset = _saved(tmp_path, pixels)
    entries = np.random.default_rng(1).integers(0, 256, (3, 256)).astype(np.uint8)
    _add_palettes(dataset, [256, first, 8], [row.tobytes() for row in entries], "")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    shown = open_volume(tmp_path / "a.dcm").voxels[0]
    assert shown.dtype == dtype
    np.testing.assert_array_equal(shown, np.rint(_gray(dataset, pixels)))


def test_an_8_bit_palette_may_take_a_word_for_each_entry(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = _saved(tmp_path, pixels)
    entries = np.random.default_rng(3).integers(0, 256, (3, 256)).astype("<u2")
    _add_palettes(dataset, [256, 0, 8], [row.tobytes() for row in entries], "")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    shown = open_volume(tmp_path / "a.dcm").voxels[0]
    np.testing.assert_array_equal(shown, np.rint(_gray(dataset, pixels)))


def test_values_beyond_an_8_bit_palette_get_its_last_entry(tmp_path: Path) -> None:
    pixels = np.array([[0, 255, 256], [300, 511, 65535]], np.uint16)
    dataset = _saved(tmp_path, pixels)
    _add_palettes(dataset, [256, 0, 8], [bytes(range(256))] * 3, "")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    shown = open_volume(tmp_path / "a.dcm").voxels[0]
    np.testing.assert_array_equal(shown, [[0, 255, 255], [255, 255, 255]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_16_bit_palette_is_scaled_onto_the_stored_type(dtype: type, tmp_path: Path) -> None:
    pixels = np.arange(16 * 16, dtype=dtype).reshape(16, 16)
    dataset = _saved(tmp_path, pixels)
    entries = np.random.default_rng(2).integers(0, 65536, (3, 300)).astype("<u2")
    _add_palettes(dataset, [300, 0, 16], [row.tobytes() for row in entries], "")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    expected = _gray(dataset, pixels.astype(np.uint16)) * np.iinfo(dtype).max / 65535
    np.testing.assert_array_equal(open_volume(tmp_path / "a.dcm").voxels[0], np.rint(expected))


def test_without_its_palettes_the_stored_values_are_shown(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = _saved(tmp_path, pixels)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(open_volume(tmp_path / "a.dcm").voxels[0], pixels)


@pytest.mark.parametrize("length", [0, 100])
def test_a_palette_without_all_its_entries_is_not_used_and_it_is_said(
    length: int, tmp_path: Path
) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = _saved(tmp_path, pixels)
    _add_palettes(dataset, [256, 0, 8], [bytes(range(255, -1, -1))[:length]] * 3, "")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    volume = open_volume(tmp_path / "a.dcm")
    np.testing.assert_array_equal(volume.voxels[0], pixels)
    assert "palette can't be used" in " ".join(volume.notices)


def test_a_gray_image_says_nothing_about_colours(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    dataset = _saved(tmp_path, pixels)
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    volume = open_volume(tmp_path / "a.dcm")
    assert not any("olour" in notice for notice in volume.notices)


def test_uncompressed_ybr_shows_its_luminance_and_rgb_the_same(tmp_path: Path) -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (16, 12, 3)).astype(np.uint8)
    shown = {}
    for photometric in ("RGB", "YBR_FULL"):
        dataset = _saved(tmp_path, rgb[..., 0])
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
        dataset.PhotometricInterpretation = photometric
        values = rgb if photometric == "RGB" else convert_color_space(rgb, "RGB", "YBR_FULL")
        dataset.PixelData = values.tobytes()
        dataset.save_as(tmp_path / f"{photometric}.dcm", enforce_file_format=True)
        volume = open_volume(tmp_path / f"{photometric}.dcm")
        assert "Colours are shown as their luminance." in volume.notices
        shown[photometric] = volume.voxels[0].astype(int)
        if photometric == "YBR_FULL":
            np.testing.assert_array_equal(shown[photometric], values[..., 0])
    np.testing.assert_array_equal(shown["RGB"], np.rint(rgb @ _WEIGHTS))
    assert abs(shown["RGB"] - shown["YBR_FULL"]).max() <= 1


def test_uncompressed_ybr_with_halved_colours_shows_its_luminance(tmp_path: Path) -> None:
    levels = np.random.default_rng(5).integers(0, 256, (16, 12)).astype(np.uint8)
    dataset = _saved(tmp_path, levels)
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    pairs = levels.reshape(-1, 2)
    dataset.PixelData = np.hstack([pairs, np.full_like(pairs, 128)]).tobytes()  # Y Y Cb Cr
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(open_volume(tmp_path / "a.dcm").voxels[0], levels)


def _segments(bits: int) -> list[bytes]:
    """Discrete, rising and falling lines, and the first two of them again."""
    data = []
    for shift in range(3):
        level = (1 << bits) // 8 * (shift + 1)
        words = [0, 4, level, 5, 6, 7, 1, 100, 2 * level, 1, 51, 9]
        words += [2, 2, 0, 0, 0, 0] if bits == 8 else [2, 2, 0, 0]
        data.append(np.array(words, f"<u{bits // 8}").tobytes())
    return data


@pytest.mark.parametrize("bits", [8, 16])
def test_a_segmented_palette_is_expanded_as_pydicom_does(bits: int, tmp_path: Path) -> None:
    pixels = np.arange(16 * 16, dtype=np.uint16).reshape(16, 16)
    dataset = _saved(tmp_path, pixels)
    _add_palettes(dataset, [259, 0, bits], _segments(bits), "Segmented")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    shown = open_volume(tmp_path / "a.dcm").voxels[0]
    # Halves are rounded up here, to even there.
    np.testing.assert_allclose(shown, _gray(dataset, pixels), atol=1.5)


@pytest.mark.parametrize(("count", "is_cut"), [(259, False), (260, True), (0, True)])
def test_a_segmented_palette_that_is_cut_short_is_said_to_be(
    count: int, is_cut: bool, tmp_path: Path
) -> None:
    dataset = _saved(tmp_path, np.arange(256, dtype=np.uint16).reshape(16, 16))
    _add_palettes(dataset, [count, 0, 16], _segments(16), "Segmented")
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    told = " ".join(open_volume(tmp_path / "a.dcm").notices)
    assert ("palette is cut short" in told) == is_cut
    assert "shown as their luminance" in told


def _expanded(data: bytes, bits: int) -> np.ndarray | None:
    descriptor = np.array([0, 0, bits], "<u2").tobytes()
    elements = ElementValues({_DESCRIPTOR: descriptor, _SEGMENTED: data}, little_endian=True)
    palette = read_palette(elements, "Red", signed=False)
    return None if palette is None else palette.levels


@pytest.mark.parametrize("first", [[0, 2, 5, 6], [0, 2, 5, 6] + [0, 0] * 30_000])
def test_segments_used_again_and_again_do_not_multiply(first: list[int]) -> None:
    words = list(first)
    for count in range(1, 4000):
        words += [2, 65535 if len(first) > 4 else count, 0, 0]
    start = time.perf_counter()
    levels = _expanded(np.array(words, "<u2").tobytes(), 16)
    assert time.perf_counter() - start < 2
    assert levels is not None and 2 <= len(levels) <= 65536
    assert set(levels.tolist()) == {5, 6}


def test_a_line_is_rounded_to_the_nearest_entry_and_halves_up() -> None:
    words = [0, 1, 0, 1, 5, 2, 1, 4, 12, 1, 3, 0]
    levels = _expanded(np.array(words, "<u2").tobytes(), 16)
    # 0.4, 0.8, 1.2, 1.6, 2, then 4.5, 7, 9.5, 12, then 8, 4, 0.
    assert levels is not None
    assert levels.tolist() == [0, 0, 1, 1, 2, 2, 5, 7, 10, 12, 8, 4, 0]


def test_long_segments_are_cut_at_65536_entries() -> None:
    words = [0, 1, 7] + [1, 65535, 9] * 40
    levels = _expanded(np.array(words, "<u2").tobytes(), 16)
    assert levels is not None and len(levels) == 65536


@pytest.mark.parametrize(
    ("words", "levels"),
    [
        ([0, 3, 1, 2], [1, 2]),  # fewer entries than it says
        ([0, 2, 1, 2, 0], [1, 2]),  # a segment without a length
        ([0, 2, 1, 2, 1, 5], [1, 2]),  # a line without an end
        ([0, 2, 1, 2, 3, 5, 6], [1, 2]),  # an unknown kind of segment
        ([0, 2, 1, 2, 2, 1, 3, 0, 0, 1, 9], [1, 2, 9]),  # no segment starts there
        ([0, 1, 5, 2, 1, 0, 0, 2, 2, 0, 0, 0, 1, 9], [5, 5, 5, 9]),  # one copy within another
        ([1, 5, 100], None),  # a line from nowhere
    ],
)
def test_a_damaged_segmented_palette_is_taken_as_far_as_it_makes_sense(
    words: list[int], levels: list[int] | None
) -> None:
    found = _expanded(np.array(words, "<u2").tobytes(), 16)
    assert (None if found is None else found.tolist()) == levels


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([8, 12, 16]))
def test_no_bytes_make_a_palette_raise_or_grow_without_bound(data: bytes, bits: int) -> None:
    levels = _expanded(data, bits)
    assert levels is None or 1 <= len(levels) <= 65536


def test_65536_segments_of_one_entry_each_are_a_whole_palette() -> None:
    entries = np.arange(65536) * 7919 % 65536
    words = np.stack([np.zeros_like(entries), np.ones_like(entries), entries], axis=1)
    levels = _expanded(words.astype("<u2").tobytes(), 16)
    np.testing.assert_array_equal(levels, entries)


def test_segments_far_into_the_data_are_found_by_all_bytes_of_their_offset() -> None:
    """Byte 300 of 8-bit segments, word 65,538 of others: more than the lowest part of the offset can say."""
    filling = [0, 1, 5] * 100
    packed = [*filling, 0, 2, 7, 8, 2, 1, 300 & 255, 300 >> 8, 0, 0]
    levels = _expanded(bytes(packed), 8)
    assert levels is not None and levels.tolist() == [5] * 100 + [7, 8, 7, 8]
    filling = [0, 1, 5] + [1, 0, 9] * 21_845  # lines of no length
    packed = [*filling, 0, 2, 7, 8, 2, 1, len(filling) & 65535, len(filling) >> 16]
    levels = _expanded(np.array(packed, "<u2").tobytes(), 16)
    assert levels is not None and levels.tolist() == [5, 7, 8, 7, 8]
