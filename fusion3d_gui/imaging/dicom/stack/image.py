"""The frames of a DICOM file: each with its place in the patient, its scale and its labels."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fusion3d_gui.imaging.dicom.frames.enhanced import classic_real_world_scale, enhanced_frames
from fusion3d_gui.imaging.dicom.frames.file import DicomFile, read_dicom_file
from fusion3d_gui.imaging.dicom.frames.frame import (
    Frame,
    Scale,
    slice_mm,
    unit_on_screen,
    unit_orientation,
    windows,
)
from fusion3d_gui.imaging.dicom.frames.lut import Table
from fusion3d_gui.imaging.dicom.frames.modality_lut import modality_table
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes
from fusion3d_gui.imaging.dicom.parser.values import Elements
from fusion3d_gui.imaging.dicom.vendor.siemens_mosaic import is_mosaic, split_mosaic

#: What may tell apart volumes within one series, besides the b-value.
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

#: DICOM's words for "not said" (PS3.3 C.11.1.1.2).
_NO_UNIT = ("", "US", "UNSPECIFIED")


@dataclass(frozen=True, slots=True, eq=False)
class DicomImage:
    """A file, its frames in stored order, and what the user should know of it."""

    file: DicomFile
    frames: tuple[Frame, ...]
    notices: tuple[str, ...] = ()


def read_image(source: FileBytes) -> DicomImage:
    """Read a file's header and find its frames.

    Raises ``NotDicom`` where it is something else, and UserError where it is DICOM that can't be
    used.
    """
    file = read_dicom_file(source)
    if file.has_functional_groups:
        return DicomImage(file, *enhanced_frames(file))
    return DicomImage(file, _classic_frames(file))


def _classic_frames(file: DicomFile) -> tuple[Frame, ...]:
    elements = file.elements
    orientation = unit_orientation(elements.numbers("ImageOrientationPatient"))
    positions = _positions(file, orientation)
    table = modality_table(file)
    first = Frame(
        file=file,
        index=0,
        position=positions[0],
        orientation=orientation,
        spacing=_spacing(elements),
        slice_mm=slice_mm(elements),
        scale=_scale(file, table),
        windows=windows(elements),
        voi_function=elements.text("VOILUTFunction"),
        labels=_labels(elements),
        table=table,
    )
    others = (
        replace(first, index=index, position=positions[index])
        for index in range(1, file.frame_count)
    )
    frames = (first, *others)
    if is_mosaic(file):
        return tuple(tile for frame in frames for tile in split_mosaic(frame))
    return frames


def _positions(
    file: DicomFile, orientation: tuple[float, ...] | None
) -> list[tuple[float, float, float] | None]:
    first = _triple(file.elements.numbers("ImagePositionPatient"))
    if file.frame_count == 1:
        return [first]
    offsets = file.elements.numbers("GridFrameOffsetVector")
    if first is None or orientation is None or offsets is None or len(offsets) != file.frame_count:
        return [None] * file.frame_count
    # PS3.3 C.8.8.3.2: offsets along the normal, from the first frame (or absolute, from its value).
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    x, y, z = first
    return [
        (x + normal[0] * mm, y + normal[1] * mm, z + normal[2] * mm)
        for mm in (offset - offsets[0] for offset in offsets)
    ]


def _triple(numbers: tuple[float, ...] | None) -> tuple[float, float, float] | None:
    if numbers is None or len(numbers) != 3:
        return None
    return numbers[0], numbers[1], numbers[2]


def _spacing(elements: Elements) -> tuple[float, float] | None:
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        numbers = elements.numbers(keyword)
        if numbers is not None and len(numbers) == 2 and min(numbers) > 1e-6:
            return numbers[0], numbers[1]
    return None


def _scale(file: DicomFile, table: Table | None) -> Scale:
    elements = file.elements
    if table is not None:
        return Scale(unit="" if table.kind in _NO_UNIT else unit_on_screen(table.kind))
    if elements.number("RescaleSlope") is None and elements.has("RealWorldValueMappingSequence"):
        mapped = classic_real_world_scale(file)
        if mapped is not None:
            return mapped
    return Scale(*_rescale(elements), _unit(elements))


def _rescale(elements: Elements) -> tuple[float, float]:
    slope, intercept = elements.number("RescaleSlope"), elements.number("RescaleIntercept")
    if slope is None:
        slope = elements.number("DoseGridScaling")
    return slope or 1.0, intercept or 0.0


def _unit(elements: Elements) -> str:
    said = elements.text("RescaleType") or elements.text("Units")
    if said.upper() in _NO_UNIT:
        # PS3.3 C.8.2.1.1.4: a CT image's rescaled values are Hounsfield units unless it says otherwise.
        return "HU" if elements.text("Modality") == "CT" else ""
    return unit_on_screen(said)


def _labels(elements: Elements) -> dict[str, str]:
    labels = {keyword: elements.text(keyword) for keyword in _LABELS}
    b_value = elements.double("DiffusionBValue")
    if b_value is not None:
        labels["DiffusionBValue"] = f"{b_value:g}"
    elif elements.has("SiemensBValue"):
        labels["DiffusionBValue"] = elements.text("SiemensBValue")
    return {keyword: text for keyword, text in labels.items() if text}
