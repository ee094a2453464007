"""Classic (not enhanced) images: position, rescale and labels of each frame, from one header."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import (
    Frame,
    Rescale,
    display_unit,
    recommended_windows,
    signed_slice_spacing_mm,
    slice_spacing_mm,
)
from fusion3d_gui.imaging.dicom.frames.full_header import (
    finite_numbers,
    first_item,
    read_full_header,
)
from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.dicom.frames.modality_lut import read_modality_lut
from fusion3d_gui.imaging.dicom.frames.orientation import normalised_orientation
from fusion3d_gui.imaging.dicom.frames.real_world import read_real_world_rescale
from fusion3d_gui.imaging.dicom.frames.storage_classes import is_single_image
from fusion3d_gui.imaging.dicom.frames.unreadable import (
    INTERCEPT,
    ORIENTATION,
    PIXEL_SPACING,
    POSITION,
    SLICE_SPACING,
    SLOPE,
    unreadable_values,
)
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

_Position = tuple[float, float, float]

#: What may distinguish volumes within one series, besides the b-value.
_LABELS = (
    "ImageType",
    "EchoNumbers",
    "EchoTime",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
)

#: Image types of volumes, not projections, in nuclear medicine (PS3.3 C.8.4.9.1.1).
_RECONSTRUCTED = {"RECON TOMO", "RECON GATED TOMO"}

#: Slice Vector as a frame increment pointer: frames differ in their slice, or in more (PS3.3 C.8.4.8).
_SLICE_VECTOR = (0x0054, 0x0080)

#: DICOM's codes for an unspecified unit (PS3.3 C.11.1.1.2).
_NO_UNIT = ("", "US", "UNSPECIFIED")


def read_classic_frames(file: DicomFile) -> tuple[Frame, ...]:
    """Frames of a file without functional groups, in stored order; a mosaic is still one frame.

    Raises UserError where the file has a Modality LUT that can't be used.
    """
    elements = file.elements
    position, orientation = _place(file)
    positions = _positions(file, position, orientation)
    spacing, thickness_mm = _spacing(elements), slice_spacing_mm(elements)
    table = read_modality_lut(file)
    lost: tuple[str, ...] = ()
    if positions[0] is None:
        lost += POSITION
    if orientation is None:
        lost += ORIENTATION
    if spacing is None:
        lost += PIXEL_SPACING
    if thickness_mm is None:
        lost += SLICE_SPACING
    if table is None:
        if not elements.number("RescaleSlope"):
            lost += SLOPE
        if elements.number("RescaleIntercept") is None:
            lost += INTERCEPT
    first = Frame(
        file=file,
        index=0,
        position=positions[0],
        orientation=orientation,
        spacing=spacing,
        slice_spacing_mm=thickness_mm,
        rescale=_rescale_of(file, table),
        windows=recommended_windows(elements),
        voi_function=elements.text("VOILUTFunction"),
        labels=_labels(elements),
        table=table,
        unreadable=unreadable_values(elements, lost) if lost else (),
    )
    others = (
        replace(first, index=index, position=positions[index])
        for index in range(1, file.frame_count)
    )
    return (first, *others)


def _place(file: DicomFile) -> tuple[_Position | None, tuple[float, ...] | None]:
    """Position of the first frame's first pixel (LPS mm), and orientation; None where not said.

    Of reconstructed nuclear medicine they stand with its detector (PS3.3 C.8.4.11).
    """
    elements = file.elements
    position = _triple(elements.numbers("ImagePositionPatient"))
    orientation = normalised_orientation(elements.numbers("ImageOrientationPatient"))
    if (
        position is None
        and orientation is None
        and elements.has("DetectorInformationSequence")
        and _RECONSTRUCTED & set(elements.text("ImageType").upper().split("\\"))
    ):
        try:
            detector = first_item(read_full_header(file), "DetectorInformationSequence")
            cosines = finite_numbers(detector, "ImageOrientationPatient", 6)
            position = _triple(finite_numbers(detector, "ImagePositionPatient", 3))
        except PYDICOM_ERRORS:
            return None, None
        orientation = normalised_orientation(cosines)
    return position, orientation


def _positions(
    file: DicomFile, first: _Position | None, orientation: tuple[float, ...] | None
) -> list[_Position | None]:
    if file.frame_count == 1:
        return [first]
    offsets = _frame_offsets_mm(file)
    if first is None or orientation is None or offsets is None:
        return [None] * file.frame_count
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    x, y, z = first
    return [(x + normal[0] * mm, y + normal[1] * mm, z + normal[2] * mm) for mm in offsets]


def _frame_offsets_mm(file: DicomFile) -> list[float] | None:
    """Offset of each frame from the first along the normal; None where frames are no slices."""
    elements = file.elements
    offsets = elements.numbers("GridFrameOffsetVector")
    if offsets is not None:
        # PS3.3 C.8.8.3.2: from the first frame's or absolute.
        counts = len(offsets) == file.frame_count
        return [offset - offsets[0] for offset in offsets] if counts else None
    pointers = elements.shorts("FrameIncrementPointer")
    vector = elements.shorts("SliceVector")
    is_by_slice = len(vector) == file.frame_count and (
        not pointers or _SLICE_VECTOR in pairwise(pointers)
    )
    spacing = signed_slice_spacing_mm(elements)
    if spacing is None or elements.unreadable("GridFrameOffsetVector", 0):
        return None
    if is_by_slice:
        return [(number - vector[0]) * spacing for number in vector]
    if pointers or is_single_image(elements.text("SOPClassUID")):
        return None  # frames of a film, perhaps
    return [index * spacing for index in range(file.frame_count)]


def _triple(numbers: tuple[float, ...] | None) -> _Position | None:
    if numbers is None or len(numbers) != 3:
        return None
    return numbers[0], numbers[1], numbers[2]


def _spacing(elements: ElementValues) -> tuple[float, float] | None:
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        numbers = elements.numbers(keyword)
        if numbers is not None and len(numbers) == 2 and min(numbers) > 1e-6:
            return numbers[0], numbers[1]
        if elements.unreadable(keyword, 2):
            return None  # the others may be sizes elsewhere, as at the detector
    return None


def _rescale_of(file: DicomFile, table: LookupTable | None) -> Rescale:
    elements = file.elements
    if table is not None:
        return Rescale(unit="" if table.kind in _NO_UNIT else display_unit(table.kind))
    if elements.number("RescaleSlope") is None and elements.has("RealWorldValueMappingSequence"):
        mapped = read_real_world_rescale(file)
        if mapped is not None:
            return mapped
    return Rescale(*_rescale(elements), _unit(elements))


def _rescale(elements: ElementValues) -> tuple[float, float]:
    slope, intercept = elements.number("RescaleSlope"), elements.number("RescaleIntercept")
    if slope is None:
        slope = elements.number("DoseGridScaling")
    return slope or 1.0, intercept or 0.0


def _unit(elements: ElementValues) -> str:
    unit = elements.text("RescaleType") or elements.text("Units")
    if unit.upper() in _NO_UNIT:
        # PS3.3 C.8.2.1.1.4: a CT image's rescaled values are Hounsfield units unless it says otherwise.
        return "HU" if elements.text("Modality") == "CT" else ""
    return display_unit(unit)


def _labels(elements: ElementValues) -> dict[str, str]:
    labels = {keyword: elements.text(keyword) for keyword in _LABELS}
    b_value = elements.double("DiffusionBValue")
    if b_value is not None:
        labels["DiffusionBValue"] = f"{b_value:g}"
    elif elements.has("SiemensBValue"):
        labels["DiffusionBValue"] = elements.text("SiemensBValue")
    return {keyword: text for keyword, text in labels.items() if text}
