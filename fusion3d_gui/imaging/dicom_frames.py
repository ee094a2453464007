"""The frames of a DICOM file: each with its place in the patient, its scale and its labels."""

from __future__ import annotations

from fusion3d_gui.imaging.dicom_elements import Elements
from fusion3d_gui.imaging.dicom_file import DicomFile, Frame, unit_orientation
from fusion3d_gui.imaging.dicom_mosaic import is_mosaic, split_mosaic

#: What may tell apart volumes within one series, strongest first, and how it is called on screen.
LABELS = {
    "ImageType": "type",
    "EchoNumbers": "echo",
    "EchoTime": "TE",
    "DiffusionBValue": "b",
    "TemporalPositionIdentifier": "time point",
    "TriggerTime": "trigger time",
    "AcquisitionNumber": "acquisition",
    "AcquisitionTime": "acquired",
    "ContentTime": "time",
}


def frames_of(file: DicomFile) -> tuple[Frame, ...]:
    """All frames of a file, in stored order."""
    elements = file.elements
    slope, intercept = _rescale(elements)
    labels = _labels(elements)
    orientation = unit_orientation(elements.numbers("ImageOrientationPatient"))
    spacing = _spacing(elements)
    positions = _positions(file, orientation)
    frames = tuple(
        Frame(file, index, positions[index], orientation, spacing, slope, intercept, labels)
        for index in range(file.frame_count)
    )
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


def _rescale(elements: Elements) -> tuple[float, float]:
    slope, intercept = elements.number("RescaleSlope"), elements.number("RescaleIntercept")
    if slope is None:
        slope = elements.number("DoseGridScaling")
    return slope or 1.0, intercept or 0.0


def _labels(elements: Elements) -> dict[str, str]:
    labels = {keyword: elements.text(keyword) for keyword in LABELS if keyword != "DiffusionBValue"}
    b_value = elements.double("DiffusionBValue")
    if b_value is not None:
        labels["DiffusionBValue"] = f"{b_value:g}"
    elif elements.has("SiemensBValue"):
        labels["DiffusionBValue"] = elements.text("SiemensBValue")
    return {keyword: text for keyword, text in labels.items() if text}
