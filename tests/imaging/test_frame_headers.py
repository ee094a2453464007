"""Readings of single headers, and what is said of stacks that are not quite even: beside closed forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.frames.file import read_dicom_file
from fusion3d_gui.imaging.dicom.frames.frame import Frame, Rescale
from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.dicom.frames.orientation import normalised_orientation
from fusion3d_gui.imaging.dicom.frames.voi_lut import voi_lut_window
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes
from fusion3d_gui.imaging.dicom.stack.geometry import _on_grid
from fusion3d_gui.imaging.voi_curve import VoiCurve

Edit = Callable[[Dataset, int], None]


@pytest.mark.parametrize("lengths", [(1.005, 1.0), (1.0, 0.995)])
def test_an_orientation_becomes_two_unit_vectors(lengths: tuple[float, float]) -> None:
    right, down = np.array([0.6, 0.8, 0.0]), np.array([0.0, 0.0, -1.0])
    numbers = (*(right * lengths[0]).tolist(), *(down * lengths[1]).tolist())
    found = normalised_orientation(numbers)
    assert found == pytest.approx((*right, *down))


@pytest.mark.parametrize(
    "numbers",
    [
        None,
        (1.0, 0.0, 0.0),
        (1.02, 0.0, 0.0, 0.0, 1.0, 0.0),
        (1.0, 0.0, 0.0, 0.0, 0.98, 0.0),
        (1.0, 0.0, 0.0, 0.02, 0.9998, 0.0),
    ],
)
def test_an_orientation_that_contradicts_the_standard_is_unusable(numbers) -> None:
    assert normalised_orientation(numbers) is None


def test_windows_without_width_are_not_recommended(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.WindowCenter, dataset.WindowWidth = [40, 300, 60], [400, 0, 80]

    assert open_volume(written(edit)).windows == ((40.0, 400.0), (60.0, 80.0))


def test_a_classic_image_may_have_a_real_world_value_mapping(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        del dataset.RescaleSlope, dataset.RescaleIntercept
        dataset.Modality = "MR"
        unit = Dataset()
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "ms", "UCUM", "milliseconds"
        mapping = Dataset()
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.5, 3.0
        mapping.MeasurementUnitsCodeSequence = Sequence([unit])
        dataset.RealWorldValueMappingSequence = Sequence([mapping])

    volume = open_volume(written(edit))
    assert (volume.slope, volume.intercept, volume.unit) == (0.5, 3.0, "ms")


@pytest.mark.parametrize("slope", [None, 0.0])
def test_a_real_world_mapping_that_is_no_straight_line_leaves_the_values_as_stored(
    slope: float | None, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        del dataset.RescaleSlope, dataset.RescaleIntercept
        dataset.Modality = "MR"
        mapping = Dataset()
        if slope is not None:
            mapping.RealWorldValueSlope = slope
        mapping.RealWorldValueIntercept = 3.0
        dataset.RealWorldValueMappingSequence = Sequence([mapping])

    volume = open_volume(written(edit))
    assert (volume.slope, volume.intercept) == (1.0, 0.0)


def test_images_turned_by_a_rounded_cosine_stay_together_and_others_part(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        turned = np.array(dataset.ImageOrientationPatient, float)
        angle = 1e-5 * (number % 2) + (0.02 if number > 3 else 0.0)
        right, down = turned[:3] * np.cos(angle) + turned[3:] * np.sin(angle), turned[3:]
        down = down * np.cos(angle) - turned[:3] * np.sin(angle)
        dataset.ImageOrientationPatient = [f"{value:.7f}" for value in (*right, *down)]

    assert sorted(series.shape[0] for series in find_series(written(edit))) == [3, 4]


@pytest.mark.parametrize(("shift_mm", "said"), [(0.019, False), (0.021, True), (0.3, True)])
def test_slices_shifted_sideways_are_named_with_their_distance(
    shift_mm: float, said: bool, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        right = np.array(dataset.ImageOrientationPatient[:3], float)
        position = np.array(dataset.ImagePositionPatient, float)
        position += right * (shift_mm if number == 3 else 0.0)
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]

    notices = open_volume(written(edit)).notices
    found = [notice for notice in notices if "shifted sideways" in notice]
    assert bool(found) == said
    assert not said or f"up to {shift_mm:.2f} mm" in found[0]


@pytest.mark.parametrize("step", [0.5, 4.0])
def test_slices_off_a_grid_by_less_than_a_tenth_of_its_step_are_put_on_it(step: float) -> None:
    depths = step * np.array([0, 1, 2, 3.09, 4, 5])
    numbers, notices = _on_grid(depths, np.diff(depths), step)
    assert numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert len(notices) == 1
    assert "spaced unevenly" in notices[0].sentence
    depths = step * np.array([0, 1, 2, 3.11, 4, 5])
    assert _on_grid(depths, np.diff(depths), step) is None


def test_gaps_of_up_to_half_as_many_slices_as_there_are_lie_on_the_grid() -> None:
    for depths, missing in (([0, 1, 4, 5], 2), ([0, 1, 5, 6], None)):
        found = _on_grid(np.array(depths, float), np.diff(depths).astype(float), 1.0)
        assert (None if found is None else int(found[0][-1]) + 1 - 4) == missing


def test_a_table_of_two_steps_is_a_curve_over_all_its_values() -> None:
    entries = np.array([0, 0, 0, 255, 255], np.uint16)
    window, curve = voi_lut_window(LookupTable(first=10, entries=entries, highest=255, kind=""))
    assert window == (12.0, 4.0)
    assert isinstance(curve, VoiCurve)
    one_between = np.array([0, 0, 100, 255, 255], np.uint16)
    window, curve = voi_lut_window(LookupTable(first=10, entries=one_between, highest=255, kind=""))
    assert window == (12.0, 4.0)
    two_between = np.array([0, 85, 170, 255], np.uint16)
    window, curve = voi_lut_window(LookupTable(first=10, entries=two_between, highest=255, kind=""))
    assert window == pytest.approx((11.5, 3.0))
    assert curve is None


@pytest.mark.parametrize(("modality", "unit"), [("CT", "HU"), ("MR", "")])
def test_rescaled_values_of_ct_alone_are_hounsfield_units_unless_the_file_names_a_unit(
    modality: str, unit: str, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.Modality = modality
        if "RescaleType" in dataset:
            del dataset.RescaleType

    assert open_volume(written(edit)).unit == unit


def test_a_single_slice_lies_where_its_header_says_and_is_1_mm_thick_where_it_says_nothing(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        del dataset.SliceThickness
        if "SpacingBetweenSlices" in dataset:
            del dataset.SpacingBetweenSlices

    path = sorted(written(edit).iterdir())[2]
    header = pydicom.dcmread(path)
    volume = open_volume(path)
    np.testing.assert_allclose(volume.affine[:3, 3], header.ImagePositionPatient, atol=1e-6)
    assert np.linalg.norm(volume.affine[:3, 2]) == pytest.approx(1.0)
    assert any("how thick its slice is" in notice for notice in volume.notices)


@pytest.mark.parametrize(("header_deg", "said"), [(10.0, False), (-10.0, False), (12.0, True)])
def test_a_gantry_tilt_is_compared_with_that_of_the_positions(
    header_deg: float, said: bool, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        down = np.array(dataset.ImageOrientationPatient[3:], float)
        shift = number * 2.5 * np.tan(np.deg2rad(10)) * down
        position = np.array(dataset.ImagePositionPatient, float) + shift
        dataset.ImagePositionPatient = [f"{value:.6f}" for value in position]
        dataset.GantryDetectorTilt = header_deg

    notices = open_volume(written(edit)).notices
    assert any("tilted by 10.0 degrees" in notice for notice in notices)
    assert any("header says that the gantry" in notice for notice in notices) == said


def test_a_table_may_begin_above_32767_for_unsigned_values(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        del dataset.RescaleSlope, dataset.RescaleIntercept
        dataset.Modality = "CR"
        table = Dataset()
        table.add_new("LUTDescriptor", "US", [4, 40_000, 16])
        table.add_new("LUTData", "OW", np.array([7, 8, 9, 10], "<u2").tobytes())
        table.ModalityLUTType = "OD"
        dataset.ModalityLUTSequence = Sequence([table])

    assert np.unique(open_volume(written(edit)).real()).tolist() == [7]


@pytest.mark.parametrize(
    ("photometric", "samples", "match"),
    [("RGB", 1, "1 samples a pixel"), ("MONOCHROME2", 3, "3 samples a pixel")],
)
def test_samples_that_contradict_the_colours_are_refused(
    photometric: str, samples: int, match: str, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.PhotometricInterpretation, dataset.SamplesPerPixel = photometric, samples
        dataset.PlanarConfiguration = 0

    with pytest.raises(UserError, match=match):
        open_volume(sorted(written(edit).iterdir())[0])


@pytest.mark.parametrize("samples", [2, 4])
def test_other_than_one_or_three_samples_a_pixel_are_refused(
    samples: int, written: Callable[[Edit], Path]
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.SamplesPerPixel, dataset.PlanarConfiguration = samples, 0
        dataset.PixelData = dataset.PixelData * samples

    with pytest.raises(UserError, match=f"has {samples} samples a pixel, which can't be read"):
        open_volume(sorted(written(edit).iterdir())[0])


@pytest.mark.parametrize("high_bit", [None, 10, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_stored_bits_are_the_lowest_where_the_header_has_no_possible_high_bit(
    high_bit: int | None, signed: bool, written: Callable[[Edit], Path]
) -> None:
    """12 bits end at bit 11 at least, and 16 allocated ones at bit 15."""
    lowest = -2048 if signed else 0
    stored: list[np.ndarray] = []

    def edit(dataset: Dataset, number: int) -> None:
        values = np.arange(dataset.Rows * dataset.Columns) * 37 % 4096 + lowest
        stored.append(values.reshape(dataset.Rows, dataset.Columns))
        dataset.PixelData = values.astype("<i2").tobytes()
        dataset.PixelRepresentation, dataset.BitsStored = int(signed), 12
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
        if high_bit is None:
            del dataset.HighBit
        else:
            dataset.HighBit = high_bit

    volume = open_volume(written(edit))
    np.testing.assert_array_equal(volume.real(), np.stack(stored))
    assert volume.real().max() > 2000 - 2048 * signed


def test_the_shape_of_a_frame_is_that_of_its_tile(written: Callable[[Edit], Path]) -> None:
    path = sorted(written(lambda dataset, number: None).iterdir())[0]
    file = read_dicom_file(FileBytes.from_path(path))
    header = pydicom.dcmread(path)

    def frame(tile: tuple[int, int, int, int] | None) -> Frame:
        return Frame(file, 0, None, None, None, None, Rescale(), (), "", {}, tile=tile)

    assert frame(None).shape == (header.Rows, header.Columns)
    assert frame((6, 10, 3, 5)).shape == (3, 5)


def test_pixels_that_are_a_few_bytes_short_are_refused(written: Callable[[Edit], Path]) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        dataset.PixelData = dataset.PixelData[:-4]

    with pytest.raises(UserError, match="fewer pixels"):
        open_volume(sorted(written(edit).iterdir())[0])


def test_a_16_bit_brightness_table_that_ends_below_white_is_a_wider_window(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        for keyword in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept"):
            if keyword in dataset:
                delattr(dataset, keyword)
        dataset.Modality = "MR"
        table = Dataset()
        table.add_new("LUTDescriptor", "US", [1000, 200, 16])
        levels = np.rint(np.linspace(0, 30_000, 1000)).astype("<u2")
        table.add_new("LUTData", "OW", levels.tobytes())
        dataset.VOILUTSequence = Sequence([table])

    (_, width) = open_volume(written(edit)).windows[0]
    assert width == pytest.approx(999 * 65_535 / 30_000, rel=1e-3)


def test_a_compressed_file_may_claim_a_frame_for_every_8_bytes_of_it(
    written: Callable[[Edit], Path],
) -> None:
    path = sorted(written(lambda dataset, number: None).iterdir())[0]
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    items = 20_000
    dataset.NumberOfFrames = items
    dataset.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" * (1 + items)  # an empty offset table first
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    assert path.stat().st_size < 9 * items
    assert read_dicom_file(FileBytes.from_path(path)).frame_count == items
    dataset.NumberOfFrames = path.stat().st_size // 8 + 2
    dataset.save_as(path)
    with pytest.raises(UserError, match="more than it can hold"):
        read_dicom_file(FileBytes.from_path(path))
