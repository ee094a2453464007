"""Enhanced multi-frame images: where each frame lies, and what tells it from the others.

PS3.3 C.7.6.16: what all frames share and what is each frame's own stand in functional groups.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import (
    Frame,
    Rescale,
    display_unit,
    normalised_orientation,
)
from fusion3d_gui.imaging.dicom.frames.modality_lut import read_full_header
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

#: (label, functional group, attribute in it): what may tell frames at one place apart.
_LABELS = (
    ("ImageType", "MRImageFrameTypeSequence", "FrameType"),
    ("ImageType", "CTImageFrameTypeSequence", "FrameType"),
    ("ImageType", "PETFrameTypeSequence", "FrameType"),
    ("ComplexImageComponent", "MRImageFrameTypeSequence", "ComplexImageComponent"),
    ("SegmentNumber", "SegmentIdentificationSequence", "ReferencedSegmentNumber"),
    ("EchoTime", "MREchoSequence", "EffectiveEchoTime"),
    ("DiffusionBValue", "MRDiffusionSequence", "DiffusionBValue"),
    ("DiffusionDirectionality", "MRDiffusionSequence", "DiffusionDirectionality"),
    ("TemporalPositionIdentifier", "FrameContentSequence", "TemporalPositionIndex"),
    ("TriggerTime", "CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    ("StackID", "FrameContentSequence", "StackID"),
    ("AcquisitionNumber", "FrameContentSequence", "FrameAcquisitionNumber"),
)


def read_enhanced_frames(file: DicomFile) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    """Frames of an enhanced multi-frame file, in stored order, and notices.

    Raises UserError where the functional groups can't be read or do not fit the frames.
    """
    dataset = read_full_header(file)
    try:
        shared = _first(dataset, "SharedFunctionalGroupsSequence")
        own = dataset.get("PerFrameFunctionalGroupsSequence") or []
        contradiction = f"says it holds {file.frame_count} frames, yet describes {len(own)}"
        if dataset and len(own) < file.frame_count:
            raise UserError(contradiction, path=file.path)
        unit = "HU" if file.elements.text("Modality") == "CT" else ""
        frames = tuple(
            _frame(file, index, _Groups(own[index], shared), unit)
            for index in range(file.frame_count)
        )
    except PYDICOM_ERRORS:
        raise UserError(
            "is damaged: what it says of its frames can't be read", path=file.path
        ) from None
    return frames, (f"The file {contradiction}.",) if len(own) > file.frame_count else ()


class _Groups:
    """A frame's functional groups: its own, else those that all frames share."""

    def __init__(self, own: Dataset, shared: Dataset) -> None:
        self._own = own
        self._shared = shared

    def __getitem__(self, keyword: str) -> Dataset:
        return _first(self._own, keyword) or _first(self._shared, keyword)


def _first(dataset: Dataset, keyword: str) -> Dataset:
    """First item of a sequence; an empty data set where there is none."""
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else Dataset()


def _numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    numbers = tuple(float(each) for each in np.atleast_1d(value))
    return numbers if len(numbers) == count and np.isfinite(numbers).all() else None


def _frame(file: DicomFile, index: int, groups: _Groups, unit: str) -> Frame:
    position = _numbers(groups["PlanePositionSequence"], "ImagePositionPatient", 3)
    measures = groups["PixelMeasuresSequence"]
    spacing = _numbers(measures, "PixelSpacing", 2)
    if spacing is not None and min(spacing) <= 1e-6:
        spacing = None
    slice_spacing_mm = next(
        (
            abs(number[0])
            for keyword in ("SpacingBetweenSlices", "SliceThickness")
            if (number := _numbers(measures, keyword, 1)) and abs(number[0]) > 1e-6
        ),
        None,
    )
    orientation = groups["PlaneOrientationSequence"]
    return Frame(
        file=file,
        index=index,
        position=None if position is None else (position[0], position[1], position[2]),
        orientation=normalised_orientation(_numbers(orientation, "ImageOrientationPatient", 6)),
        spacing=None if spacing is None else (spacing[0], spacing[1]),
        slice_spacing_mm=slice_spacing_mm,
        rescale=_rescale_of(groups, unit),
        windows=tuple(_windows(groups["FrameVOILUTSequence"])),
        voi_function=str(groups["FrameVOILUTSequence"].get("VOILUTFunction") or ""),
        labels=_labels(groups),
    )


def _rescale_of(groups: _Groups, unit: str) -> Rescale:
    rescale = groups["PixelValueTransformationSequence"]
    slope = _numbers(rescale, "RescaleSlope", 1)
    intercept = _numbers(rescale, "RescaleIntercept", 1)
    if slope is None or slope[0] == 0:
        return real_world_rescale(groups["RealWorldValueMappingSequence"]) or Rescale(unit=unit)
    said = str(rescale.get("RescaleType") or "")
    if said.upper() not in ("", "US", "UNSPECIFIED"):
        unit = display_unit(said)
    return Rescale(slope[0], intercept[0] if intercept else 0.0, unit)


def real_world_rescale(mapping: Dataset) -> Rescale | None:
    """A linear real-world value mapping (PS3.3 C.7.6.16.2.11) as a scale; None where it is none."""
    slope = _numbers(mapping, "RealWorldValueSlope", 1)
    intercept = _numbers(mapping, "RealWorldValueIntercept", 1)
    if slope is None or slope[0] == 0:
        return None
    unit = str(_first(mapping, "MeasurementUnitsCodeSequence").get("CodeValue") or "")
    return Rescale(slope[0], intercept[0] if intercept else 0.0, "" if unit == "1" else unit)


def read_real_world_rescale(file: DicomFile) -> Rescale | None:
    """The linear real-world value mapping of a classic image, read by pydicom; None without one."""
    try:
        return real_world_rescale(_first(read_full_header(file), "RealWorldValueMappingSequence"))
    except PYDICOM_ERRORS:
        return None


def _windows(voi: Dataset) -> Iterator[tuple[float, float]]:
    centers, widths = voi.get("WindowCenter"), voi.get("WindowWidth")
    if centers in (None, "") or widths in (None, ""):
        return
    for center, width in zip(np.atleast_1d(centers), np.atleast_1d(widths), strict=False):
        if float(width) > 0:
            yield float(center), float(width)


def _labels(groups: _Groups) -> dict[str, str]:
    labels: dict[str, str] = {}
    for label, group, keyword in _LABELS:
        value = groups[group].get(keyword)
        if value is not None and value != "":
            plain = isinstance(value, str | int | float)
            labels[label] = (
                f"{value:g}"
                if isinstance(value, float)
                else str(value)
                if plain
                else "\\".join(map(str, value))
            )
    gradient = _first(groups["MRDiffusionSequence"], "DiffusionGradientDirectionSequence")
    direction = _numbers(gradient, "DiffusionGradientOrientation", 3)
    if direction is not None:
        labels["DiffusionGradientOrientation"] = ", ".join(f"{part:.2f}" for part in direction)
    return labels
