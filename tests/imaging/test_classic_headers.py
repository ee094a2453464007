"""Frames of classic headers held in memory: positions, spacings, rescale, units, labels, and what is not valid."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from fusion3d_gui.imaging.dicom.frames.classic import read_classic_frames
from fusion3d_gui.imaging.dicom.frames.frame import (
    Frame,
    Rescale,
    display_unit,
    recommended_windows,
    signed_slice_spacing_mm,
    slice_spacing_mm,
)
from fusion3d_gui.imaging.dicom.frames.unreadable import (
    UnreadableValue,
    unreadable_values,
    unreadable_warnings,
)
from tests.imaging.memory_frames import dicom_file, elements, shorts

UPRIGHT = {
    "ImagePositionPatient": "1\\2\\3",
    "ImageOrientationPatient": "1\\0\\0\\0\\1\\0",
    "PixelSpacing": "0.5\\0.8",
    "SliceThickness": "2",
    "RescaleSlope": "1",
    "RescaleIntercept": "0",
}


def frames(count: int = 1, **values) -> tuple[Frame, ...]:
    said = {key: value for key, value in {**UPRIGHT, **values}.items() if value is not None}
    return read_classic_frames(dicom_file("scan/a.dcm", count, **said))


def positions(count: int, **values) -> list[tuple[float, ...] | None]:
    return [each.position for each in frames(count, **values)]


def test_a_header_of_one_image():
    (found,) = frames(
        WindowCenter="40\\50\\60",
        WindowWidth="400\\0\\80",
        VOILUTFunction="SIGMOID",
        RescaleSlope="2",
        RescaleIntercept="-5",
        Modality="CT",
    )
    assert (found.index, found.position, found.spacing) == (0, (1.0, 2.0, 3.0), (0.5, 0.8))
    assert found.orientation == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert (found.slice_spacing_mm, found.voi_function) == (2.0, "SIGMOID")
    assert found.windows == ((40.0, 400.0), (60.0, 80.0))
    assert found.rescale == Rescale(2.0, -5.0, "HU")
    assert found.table is None and found.tile is None and found.unreadable == ()
    assert found.shape == (4, 6)


# -- positions of frames --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "sign"), [({"SliceThickness": "2"}, 1), ({"SpacingBetweenSlices": "-2"}, -1)]
)
def test_frames_follow_the_first_along_the_normal(said, sign):
    found = frames(3, **{**said, "ImageOrientationPatient": "0\\0.6\\0.8\\1\\0\\0"})
    normal = np.cross([0, 0.6, 0.8], [1, 0, 0])
    for number, each in enumerate(found):
        assert each.index == number
        np.testing.assert_allclose(each.position, [1, 2, 3] + sign * 2 * number * normal)
        assert each.slice_spacing_mm == 2.0


@pytest.mark.parametrize(
    "turned", ["0.6\\0.8\\0\\0\\0\\-1", "0\\0\\1\\0.8\\-0.6\\0", "0\\1\\0\\0\\0\\1"]
)
def test_the_normal_is_that_of_rows_and_columns(turned):
    numbers = list(map(float, turned.split("\\")))
    second = frames(2, ImageOrientationPatient=turned)[1]
    normal = np.cross(numbers[:3], numbers[3:])
    np.testing.assert_allclose(second.position, [1, 2, 3] + 2 * normal)


def test_frames_of_a_dose_grid_lie_at_their_offsets():
    expected = [(1, 2, 3), (1, 2, 5.5), (1, 2, 13)]
    assert positions(3, GridFrameOffsetVector="0\\2.5\\10") == expected
    assert positions(3, GridFrameOffsetVector="100\\102.5\\110") == expected
    assert positions(3, GridFrameOffsetVector="0\\2.5") == [None] * 3
    assert positions(3, GridFrameOffsetVector="0\\x\\4") == [None] * 3


def test_frames_of_nuclear_medicine_lie_by_the_number_of_their_slice():
    by_slice = {"FrameIncrementPointer": shorts(0x0054, 0x0080), "SliceVector": shorts(3, 1, 2)}
    assert positions(3, **by_slice) == [(1, 2, 3), (1, 2, -1), (1, 2, 1)]
    assert positions(3, SliceVector=shorts(1, 2, 3)) == [(1, 2, 3), (1, 2, 5), (1, 2, 7)]
    several = {
        "FrameIncrementPointer": shorts(0x0054, 0x0010, 0x0054, 0x0080),
        "SliceVector": shorts(1, 1, 2),
    }
    assert positions(3, **several) == [(1, 2, 3), (1, 2, 3), (1, 2, 5)]
    other = {"FrameIncrementPointer": shorts(0x0054, 0x0010), "SliceVector": shorts(1, 2, 3)}
    assert positions(3, **other) == [None] * 3
    fewer = {"FrameIncrementPointer": shorts(0x0054, 0x0080), "SliceVector": shorts(1, 2)}
    assert positions(3, **fewer) == [None] * 3


def test_frames_lie_nowhere_without_a_first_place_or_a_spacing():
    for lacks in (
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": None},
        {"SliceThickness": None},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.2"},
        {"FrameIncrementPointer": shorts(0x0018, 0x1063)},
    ):
        assert positions(3, **lacks) == [None] * 3
    assert positions(2, SOPClassUID="1.2.840.10008.5.1.4.1.1.2") == [(1, 2, 3), (1, 2, 5)]


@pytest.mark.parametrize("numbers", ["1\\2", "1\\2\\3\\4", "1\\2\\x", ""])
def test_a_position_is_three_numbers(numbers):
    (found,) = frames(ImagePositionPatient=numbers)
    assert found.position is None
    assert found.unreadable == (
        (UnreadableValue("ImagePositionPatient", numbers),) if numbers else ()
    )


# -- spacings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "spacing", "unreadable"),
    [
        ({"PixelSpacing": None, "ImagerPixelSpacing": "0.3\\0.4"}, (0.3, 0.4), []),
        ({"PixelSpacing": None, "NominalScannedPixelSpacing": "0.3\\0.4"}, (0.3, 0.4), []),
        ({"ImagerPixelSpacing": "0.3\\0.4"}, (0.5, 0.8), []),
        ({"PixelSpacing": "x", "ImagerPixelSpacing": "0.3\\0.4"}, None, ["PixelSpacing"]),
        ({"PixelSpacing": "0.5"}, None, ["PixelSpacing"]),
        ({"PixelSpacing": "0.5\\0.8\\1"}, None, ["PixelSpacing"]),
        ({"PixelSpacing": "0\\0.8", "ImagerPixelSpacing": "0.3\\0.4"}, (0.3, 0.4), []),
        ({"PixelSpacing": "0.8\\0"}, None, ["PixelSpacing"]),
        ({"PixelSpacing": "-0.8\\0.8"}, None, []),
        ({"PixelSpacing": "0.000002\\0.8"}, (2e-6, 0.8), []),
        ({"PixelSpacing": "0.0000009\\0.8"}, None, []),
        ({"PixelSpacing": None}, None, []),
    ],
)
def test_pixel_spacings_are_two_numbers_above_zero(said, spacing, unreadable):
    (found,) = frames(**said)
    assert found.spacing == spacing
    assert [each.keyword for each in found.unreadable] == unreadable


@pytest.mark.parametrize(
    ("said", "signed"),
    [
        ({"SpacingBetweenSlices": "3", "SliceThickness": "2"}, 3.0),
        ({"SpacingBetweenSlices": "0", "SliceThickness": "2"}, 2.0),
        ({"SpacingBetweenSlices": "x", "SliceThickness": "2"}, 2.0),
        ({"SpacingBetweenSlices": "-3"}, -3.0),
        ({"SpacingBetweenSlices": "0.000002"}, 2e-6),
        ({"SpacingBetweenSlices": "0.0000009"}, None),
        ({}, None),
    ],
)
def test_a_slice_spacing_is_a_number_that_is_not_zero(said, signed):
    assert signed_slice_spacing_mm(elements(**said)) == signed
    assert slice_spacing_mm(elements(**said)) == (None if signed is None else abs(signed))


def test_windows_are_pairs_of_some_width():
    assert recommended_windows(elements(WindowCenter="1\\2", WindowWidth="3")) == ((1.0, 3.0),)
    assert recommended_windows(elements(WindowCenter="1", WindowWidth="0")) == ()
    assert recommended_windows(elements(WindowCenter="1", WindowWidth="0.5")) == ((1.0, 0.5),)
    assert recommended_windows(elements(WindowCenter="1")) == ()
    assert recommended_windows(elements(WindowWidth="1")) == ()


# -- rescale and unit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"RescaleSlope": "2", "RescaleIntercept": "3"}, (2.0, 3.0)),
        ({"RescaleSlope": "2", "RescaleIntercept": None}, (2.0, 0.0)),
        ({"RescaleSlope": "0", "RescaleIntercept": "3"}, (1.0, 3.0)),
        ({"RescaleSlope": None, "RescaleIntercept": None}, (1.0, 0.0)),
        ({"RescaleSlope": None, "DoseGridScaling": "0.25"}, (0.25, 0.0)),
        ({"RescaleSlope": "2", "DoseGridScaling": "0.25"}, (2.0, 0.0)),
    ],
)
def test_a_rescale_is_its_slope_and_intercept(said, expected):
    (found,) = frames(**said)
    assert (found.rescale.slope, found.rescale.intercept) == expected


@pytest.mark.parametrize(
    ("said", "unit"),
    [
        ({"Modality": "CT"}, "HU"),
        ({"Modality": "CT", "RescaleType": "us"}, "HU"),
        ({"Modality": "CT", "RescaleType": "UNSPECIFIED"}, "HU"),
        ({"Modality": "CT", "RescaleType": "HU_MOD"}, "HU_MOD"),
        ({"Modality": "MR"}, ""),
        ({"Modality": "MR", "RescaleType": "US"}, ""),
        ({"Modality": "PT", "Units": "BQML"}, "Bq/ml"),
        ({"Modality": "PT", "Units": "cnts"}, "counts"),
        ({"Modality": "PT", "Units": "BQML", "RescaleType": "GML"}, "GML"),
    ],
)
def test_units_are_those_of_the_file_and_of_ct(said, unit):
    assert frames(**said)[0].rescale.unit == unit


def test_codes_of_units_are_written_out():
    assert [display_unit(each) for each in ("BQML", "bqml", "CNTS", "mm")] == [
        "Bq/ml",
        "Bq/ml",
        "counts",
        "mm",
    ]


# -- labels -----------------------------------------------------------------------------------------


def test_labels_are_what_the_file_says():
    (found,) = frames(
        ImageType="ORIGINAL\\PRIMARY",
        EchoNumbers="2",
        EchoTime="",
        AcquisitionTime="101500",
        DiffusionBValue=struct.pack("<d", 1000.0),
        SiemensBValue="800",
    )
    assert found.labels == {
        "ImageType": "ORIGINAL\\PRIMARY",
        "EchoNumbers": "2",
        "AcquisitionTime": "101500",
        "DiffusionBValue": "1000",
    }
    assert frames(SiemensBValue="800")[0].labels == {"DiffusionBValue": "800"}
    assert frames()[0].labels == {}


# -- what is not valid --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ({"ImagePositionPatient": "x"}, ["ImagePositionPatient"]),
        ({"ImageOrientationPatient": "1\\0\\0"}, ["ImageOrientationPatient"]),
        ({"ImageOrientationPatient": "1\\0\\0\\1\\0\\0"}, ["ImageOrientationPatient"]),
        ({"PixelSpacing": "x"}, ["PixelSpacing"]),
        ({"SliceThickness": "x"}, ["SliceThickness"]),
        (
            {"SliceThickness": "x", "SpacingBetweenSlices": "y"},
            ["SpacingBetweenSlices", "SliceThickness"],
        ),
        ({"SliceThickness": "x", "SpacingBetweenSlices": "3"}, []),
        ({"SliceThickness": "0"}, []),
        ({"RescaleSlope": "x"}, ["RescaleSlope"]),
        ({"RescaleSlope": "0"}, ["RescaleSlope"]),
        ({"RescaleSlope": None, "DoseGridScaling": "x"}, ["DoseGridScaling"]),
        ({"RescaleIntercept": "x"}, ["RescaleIntercept"]),
        ({"RescaleIntercept": "1\\2"}, []),
        ({"RescaleIntercept": None}, []),
        ({}, []),
    ],
)
def test_values_that_are_not_valid_are_kept_with_their_text(said, lost):
    (found,) = frames(**said)
    assert found.unreadable == tuple(UnreadableValue(key, said[key]) for key in lost)


def test_offsets_that_can_not_be_read_are_kept():
    found = frames(2, GridFrameOffsetVector="0\\x")
    assert found[1].unreadable == (UnreadableValue("GridFrameOffsetVector", "0\\x"),)


def test_each_kind_of_value_has_its_count():
    said = elements(
        ImagePositionPatient="1\\2\\3",
        PixelSpacing="1\\2",
        GridFrameOffsetVector="1\\2\\3\\4",
        RescaleSlope="1\\2",
        SliceThickness="0",
        RescaleIntercept="0",
        DoseGridScaling="-0.5",
    )
    keywords = (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "GridFrameOffsetVector",
        "RescaleSlope",
        "SliceThickness",
        "RescaleIntercept",
        "DoseGridScaling",
    )
    assert [each.keyword for each in unreadable_values(said, keywords)] == ["RescaleSlope"]
    zero = elements(PixelSpacing="1\\0", DoseGridScaling="0", ImagePositionPatient="0\\0\\0")
    assert [each.keyword for each in unreadable_values(zero, keywords)] == [
        "PixelSpacing",
        "DoseGridScaling",
    ]


@pytest.mark.parametrize(
    ("keyword", "name", "changes_values"),
    [
        ("RescaleSlope", "Rescale Slope", True),
        ("DoseGridScaling", "Dose Grid Scaling", True),
        ("RescaleIntercept", "Rescale Intercept", True),
        ("PixelSpacing", "Pixel Spacing", False),
        ("SliceThickness", "Slice Thickness", False),
    ],
)
def test_a_value_that_is_not_valid_is_told_with_its_effect(keyword, name, changes_values):
    value = UnreadableValue(keyword, "x")
    assert value.changes_values == changes_values
    assert value.is_slice_spacing == (keyword == "SliceThickness")
    assert UnreadableValue("SpacingBetweenSlices", "x").is_slice_spacing
    (warning,) = unreadable_warnings([value, UnreadableValue(keyword, "y")])
    short, effect = (
        ("values not rescaled", "values are not rescaled")
        if changes_values
        else ("geometry not known", "its geometry is not known")
    )
    assert (warning.short, warning.sentence) == (
        short,
        f'The file\'s {name}, "x", is not valid: {effect}.',
    )
