"""``UnreadableValue``: a header value that changes voxels or geometry, is there, and is not valid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.datadict import dictionary_description

from fusion3d_gui.imaging.dicom.frames.orientation import normalised_orientation
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues
from fusion3d_gui.imaging.scan_warning import ScanWarning

SLOPE = ("RescaleSlope", "DoseGridScaling")
INTERCEPT = ("RescaleIntercept",)
POSITION = ("ImagePositionPatient", "GridFrameOffsetVector")
ORIENTATION = ("ImageOrientationPatient",)
PIXEL_SPACING = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
SLICE_SPACING = ("SpacingBetweenSlices", "SliceThickness")
#: How many numbers each element has; 1 for all others, any number for 0.
_COUNTS = {
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    **dict.fromkeys(PIXEL_SPACING, 2),
    "GridFrameOffsetVector": 0,
}
_LONGEST_VALUE = 24


@dataclass(frozen=True, slots=True)
class UnreadableValue:
    """An element by keyword, and its text in the file."""

    keyword: str
    text: str

    @property
    def changes_values(self) -> bool:
        """Whether it is part of the rescale; all others are geometry."""
        return self.keyword in SLOPE + INTERCEPT

    @property
    def is_slice_spacing(self) -> bool:
        """Whether it only matters where positions don't tell how far slices lie apart."""
        return self.keyword in SLICE_SPACING


def unreadable_values(
    elements: ElementValues, keywords: Iterable[str]
) -> tuple[UnreadableValue, ...]:
    """Those of some elements of a classic image that are there, and can't be read or can't be."""
    return tuple(
        UnreadableValue(keyword, elements.text(keyword))
        for keyword in keywords
        if elements.unreadable(keyword, _COUNTS.get(keyword, 1))
        or not _is_possible(keyword, elements.numbers(keyword))
    )


def _is_possible(keyword: str, numbers: tuple[float, ...] | None) -> bool:
    """Whether an element can have these numbers; True where it is missing."""
    if numbers is None or keyword in INTERCEPT + POSITION + SLICE_SPACING:
        return True
    if keyword in ORIENTATION:
        return normalised_orientation(numbers) is not None
    return min(map(abs, numbers)) > 0


def unreadable_warnings(values: Iterable[UnreadableValue]) -> tuple[ScanWarning, ...]:
    """A warning for each element that is not valid, with the first of its texts."""
    first: dict[str, UnreadableValue] = {}
    for value in values:
        first.setdefault(value.keyword, value)
    return tuple(_warning(value) for value in first.values())


def _warning(value: UnreadableValue) -> ScanWarning:
    text = value.text
    text = text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
    name = dictionary_description(value.keyword)
    short, effect = (
        ("values not rescaled", "values are not rescaled")
        if value.changes_values
        else ("geometry not known", "its geometry is not known")
    )
    return ScanWarning(short, f'The file\'s {name}, "{text}", is not valid: {effect}.')
