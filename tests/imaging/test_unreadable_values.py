"""Header values that change voxels or geometry: read where their meaning is certain, else said."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.frames.unreadable import UnreadableValue, unreadable_warnings
from fusion3d_gui.imaging.dicom.parser.decimals import read_decimals
from fusion3d_gui.imaging.volume import Volume

Edit = Callable[[Dataset, int], None]


def _set_decimal(path: Path, keyword: str, text: str) -> None:
    """Write a decimal string that pydicom refuses to write, as programs with local settings do."""
    dataset = pydicom.dcmread(path)
    tag = tag_for_keyword(keyword)
    dataset[tag] = DataElement(tag, "LO", text.split("\\"))
    dataset.save_as(path)
    start = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    data = path.read_bytes()
    assert start + b"LO" in data
    path.write_bytes(data.replace(start + b"LO", start + b"DS"))


@pytest.fixture
def with_decimal(
    written: Callable[[Edit], Path],
) -> Callable[..., Volume]:
    """The series of ``written`` with one decimal string in all slices, or in those named."""

    def write(keyword: str, text: str, slices: set[int] | None = None) -> Volume:
        folder = written(lambda dataset, number: None)
        for number, path in enumerate(sorted(folder.iterdir())):
            if slices is None or number in slices:
                _set_decimal(path, keyword, text)
        return open_volume(folder)

    return write


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("-1024,0", (-1024.0,)),
        ("0,488\\0,488", (0.488, 0.488)),
        ("-1.024,5", (-1024.5,)),
        ("-1,024.5", (-1024.5,)),
        ("1,5E2", (150.0,)),
        ("-10,5\\1,250\\5", (-10.5, 1.25, 5.0)),
        ("\N{MINUS SIGN}1024", (-1024.0,)),
        ("1,024", None),  # 1.024, or 1024
        ("12,125\\1.5", None),
        ("5 mm", None),
        ("1,2,3", None),
        ("nan", None),
        ("1e400", None),
        ("-1024,O", None),
    ],
)
def test_a_comma_is_read_where_it_can_only_mean_one_thing(
    text: str, numbers: tuple[float, ...] | None
) -> None:
    assert read_decimals(text.encode()) == numbers


def test_a_rescale_with_decimal_commas_gives_the_same_volume(
    with_decimal: Callable[..., Volume],
) -> None:
    volume = with_decimal("RescaleIntercept", "-1024,5")
    assert (volume.intercept, volume.unit, volume.faults) == (-1024.5, "HU", ())


@pytest.mark.parametrize(
    ("keyword", "text", "name"),
    [
        ("RescaleIntercept", "-1,024", "Rescale Intercept"),
        ("RescaleSlope", "one", "Rescale Slope"),
        ("RescaleSlope", "inf", "Rescale Slope"),
        ("ImageOrientationPatient", "1\\0\\0\\0\\x\\0", "Image Orientation (Patient)"),
        ("ImagePositionPatient", "1\\2", "Image Position (Patient)"),
        ("PixelSpacing", "0.8 mm\\0.8 mm", "Pixel Spacing"),
        ("PixelSpacing", "0.8", "Pixel Spacing"),
    ],
)
def test_a_value_that_can_not_be_read_is_said(
    keyword: str, text: str, name: str, with_decimal: Callable[..., Volume]
) -> None:
    volume = with_decimal(keyword, text)
    (sentence,) = volume.faults
    assert sentence in volume.notices
    assert f'{name}, "{text}", is not valid' in sentence
    assert (volume.unit == "") == keyword.startswith("Rescale")


@pytest.mark.parametrize(
    ("keyword", "text", "label"),
    [
        ("PixelSpacing", "0\\0.8", "geometry not known"),
        ("PixelSpacing", "0.8\\0", "geometry not known"),
        ("RescaleSlope", "0", "values not rescaled"),
        ("ImageOrientationPatient", "1\\0\\0\\1\\0\\0", "geometry not known"),
    ],
)
def test_a_number_that_can_not_be_is_said(
    keyword: str, text: str, label: str, with_decimal: Callable[..., Volume]
) -> None:
    volume = with_decimal(keyword, text)
    (sentence,) = volume.faults
    assert f'"{text}", is not valid' in sentence
    assert [each.short for each in volume.warnings if each.sentence == sentence] == [label]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("x" * 24, "x" * 24), ("x" * 25, "x" * 23 + "…"), ("x" * 60, "x" * 23 + "…")],
)
def test_at_most_24_characters_of_a_value_are_quoted(text: str, shown: str) -> None:
    values = [UnreadableValue("RescaleSlope", text), UnreadableValue("RescaleSlope", "other")]
    (warning,) = unreadable_warnings(values)
    assert f'"{shown}"' in warning.sentence


def test_a_slice_without_its_position_is_said_of_the_stack_that_lacks_it(
    with_decimal: Callable[..., Volume],
) -> None:
    volume = with_decimal("ImagePositionPatient", "1\\2\\three", {6})
    assert volume.shape[0] == 6
    assert "Image Position (Patient)" in " ".join(volume.faults)


def test_what_nothing_depends_on_may_be_unreadable(with_decimal: Callable[..., Volume]) -> None:
    assert with_decimal("SliceThickness", "5 mm").faults == ()


def test_a_slice_spacing_counts_where_there_are_no_positions(
    written: Callable[[Edit], Path],
) -> None:
    def edit(dataset: Dataset, number: int) -> None:
        del dataset.ImagePositionPatient, dataset.SpacingBetweenSlices

    folder = written(edit)
    for path in folder.iterdir():
        _set_decimal(path, "SliceThickness", "2,5 mm")
    assert "Slice Thickness" in " ".join(open_volume(folder).faults)


def test_a_number_of_frames_that_can_not_be_read_is_told_by_the_pixels(
    written: Callable[[Edit], Path],
) -> None:
    folder = written(lambda dataset, number: None)
    path = sorted(folder.iterdir())[0]
    dataset = pydicom.dcmread(path)
    dataset.NumberOfFrames = 2
    dataset.PixelData = dataset.PixelData * 2
    dataset.save_as(path)
    path.write_bytes(path.read_bytes().replace(b"IS\x02\x002 ", b"IS\x02\x00x "))
    assert open_volume(path).shape[0] == 2
    dataset.NumberOfFrames = 1
    dataset.PixelData = dataset.pixel_array[0].tobytes()
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(path)
    path.write_bytes(path.read_bytes().replace(b"IS\x02\x001 ", b"IS\x02\x00x "))
    with pytest.raises(UserError, match="number of frames that can't be read"):
        open_volume(path)


def test_an_enhanced_image_says_it_as_well(written: Callable[[Edit], Path]) -> None:
    def item(**values: object) -> Sequence:
        dataset = Dataset()
        for keyword, value in values.items():
            setattr(dataset, keyword, value)
        return Sequence([dataset])

    folder = written(lambda dataset, number: None)
    first, *others = sorted(folder.iterdir())
    for path in others:
        path.unlink()
    dataset = pydicom.dcmread(first)
    frames = [
        item(
            PlanePositionSequence=item(ImagePositionPatient=[0, 0, 2 * number]),
            PixelValueTransformationSequence=item(RescaleSlope=2, RescaleIntercept=-1024),
        )[0]
        for number in range(2)
    ]
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    dataset.SharedFunctionalGroupsSequence = item(
        PixelMeasuresSequence=item(PixelSpacing=[1, 1], SliceThickness=2),
        PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
    )
    dataset.NumberOfFrames = 2
    dataset.PixelData = dataset.PixelData * 2
    dataset.save_as(first)
    whole = first.read_bytes()
    right = open_volume(first)
    assert (right.intercept, right.faults) == (-1024.0, ())
    for wrong, unreadable in ((b"-102,4  ", 0), (b"-1,024  ", 1)):
        # Same length: the sequences around it stay valid.
        first.write_bytes(whole.replace(b"-1024.0 ", wrong))
        volume = open_volume(first)
        assert len(volume.faults) == unreadable
        expected = right.voxels * 2.0 + (0 if unreadable else -102.4)
        np.testing.assert_allclose(volume.real(), expected, rtol=1e-5)
