"""Enhanced multi-frame images: position, rescale and labels of each frame, from functional groups.

PS3.3 C.7.6.16: one group for what all frames share, and one for each frame of its own.
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
from fusion3d_gui.imaging.dicom.frames.full_header import (
    finite_numbers,
    first_item,
    read_full_header,
)
from fusion3d_gui.imaging.dicom.frames.real_world import real_world_rescale
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

#: (label, functional group, attribute in it): what may distinguish frames at one position.
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
    """Frames of an enhanced multi-frame file, in stored order, and notices for the user.

    Raises UserError where the functional groups can't be read, or describe fewer frames than the
    file holds.
    """
    dataset = read_full_header(file)
    try:
        shared = first_item(dataset, "SharedFunctionalGroupsSequence")
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
    """First item of a frame's functional groups by keyword: its own, else the shared one."""

    def __init__(self, own: Dataset, shared: Dataset) -> None:
        self._own = own
        self._shared = shared

    def __getitem__(self, keyword: str) -> Dataset:
        return first_item(self._own, keyword) or first_item(self._shared, keyword)


def _frame(file: DicomFile, index: int, groups: _Groups, unit: str) -> Frame:
    position = finite_numbers(groups["PlanePositionSequence"], "ImagePositionPatient", 3)
    measures = groups["PixelMeasuresSequence"]
    spacing = finite_numbers(measures, "PixelSpacing", 2)
    if spacing is not None and min(spacing) <= 1e-6:
        spacing = None
    slice_spacing_mm = next(
        (
            abs(number[0])
            for keyword in ("SpacingBetweenSlices", "SliceThickness")
            if (number := finite_numbers(measures, keyword, 1)) and abs(number[0]) > 1e-6
        ),
        None,
    )
    orientation = groups["PlaneOrientationSequence"]
    return Frame(
        file=file,
        index=index,
        position=None if position is None else (position[0], position[1], position[2]),
        orientation=normalised_orientation(
            finite_numbers(orientation, "ImageOrientationPatient", 6)
        ),
        spacing=None if spacing is None else (spacing[0], spacing[1]),
        slice_spacing_mm=slice_spacing_mm,
        rescale=_rescale_of(groups, unit),
        windows=tuple(_windows(groups["FrameVOILUTSequence"])),
        voi_function=str(groups["FrameVOILUTSequence"].get("VOILUTFunction") or ""),
        labels=_labels(groups),
    )


def _rescale_of(groups: _Groups, unit: str) -> Rescale:
    rescale = groups["PixelValueTransformationSequence"]
    slope = finite_numbers(rescale, "RescaleSlope", 1)
    intercept = finite_numbers(rescale, "RescaleIntercept", 1)
    if slope is None or slope[0] == 0:
        return real_world_rescale(groups["RealWorldValueMappingSequence"]) or Rescale(unit=unit)
    rescale_type = str(rescale.get("RescaleType") or "")
    if rescale_type.upper() not in ("", "US", "UNSPECIFIED"):
        unit = display_unit(rescale_type)
    return Rescale(slope[0], intercept[0] if intercept else 0.0, unit)


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
    gradient = first_item(groups["MRDiffusionSequence"], "DiffusionGradientDirectionSequence")
    direction = finite_numbers(gradient, "DiffusionGradientOrientation", 3)
    if direction is not None:
        labels["DiffusionGradientOrientation"] = ", ".join(f"{part:.2f}" for part in direction)
    return labels
