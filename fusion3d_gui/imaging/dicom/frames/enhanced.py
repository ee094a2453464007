"""Enhanced multi-frame images: position, rescale and labels of each frame, from functional groups.

PS3.3 C.7.6.16: one group for what all frames share, and one for each frame of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import (
    Frame,
    Rescale,
    display_unit,
)
from fusion3d_gui.imaging.dicom.frames.full_header import (
    finite_numbers,
    first_item,
    raw_text,
    read_full_header,
)
from fusion3d_gui.imaging.dicom.frames.orientation import normalised_orientation
from fusion3d_gui.imaging.dicom.frames.real_world import real_world_rescale
from fusion3d_gui.imaging.dicom.frames.unreadable import SLICE_SPACING, UnreadableValue
from fusion3d_gui.imaging.dicom.parser.decimals import read_decimals
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
        self.unreadable: list[UnreadableValue] = []

    def __getitem__(self, keyword: str) -> Dataset:
        return first_item(self._own, keyword) or first_item(self._shared, keyword)

    def numbers(self, group: str, keyword: str, count: int) -> tuple[float, ...] | None:
        """Numbers of an element of a group; where they are there and not valid, that is kept."""
        found = finite_numbers(self[group], keyword, count)
        if found is None and (text := raw_text(self[group], keyword)):
            self.unreadable.append(UnreadableValue(keyword, text))
        return found

    def refuse(self, group: str, keyword: str) -> None:
        """Keep that an element of a group has numbers that can't be."""
        self.unreadable.append(UnreadableValue(keyword, raw_text(self[group], keyword)))


def _frame(file: DicomFile, index: int, groups: _Groups, unit: str) -> Frame:
    position = groups.numbers("PlanePositionSequence", "ImagePositionPatient", 3)
    spacing = groups.numbers("PixelMeasuresSequence", "PixelSpacing", 2)
    if spacing is not None and min(spacing) <= 1e-6:
        groups.refuse("PixelMeasuresSequence", "PixelSpacing")
        spacing = None
    slice_spacing_mm = next(
        (
            abs(number[0])
            for keyword in SLICE_SPACING
            if (number := groups.numbers("PixelMeasuresSequence", keyword, 1))
            and abs(number[0]) > 1e-6
        ),
        None,
    )
    cosines = groups.numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6)
    orientation = normalised_orientation(cosines)
    if cosines is not None and orientation is None:
        groups.refuse("PlaneOrientationSequence", "ImageOrientationPatient")
    return Frame(
        file=file,
        index=index,
        position=None if position is None else (position[0], position[1], position[2]),
        orientation=orientation,
        spacing=None if spacing is None else (spacing[0], spacing[1]),
        slice_spacing_mm=slice_spacing_mm,
        rescale=_rescale_of(groups, unit),
        windows=tuple(_windows(groups["FrameVOILUTSequence"])),
        voi_function=str(groups["FrameVOILUTSequence"].get("VOILUTFunction") or ""),
        labels=_labels(groups),
        unreadable=tuple(groups.unreadable),
    )


def _rescale_of(groups: _Groups, unit: str) -> Rescale:
    group = "PixelValueTransformationSequence"
    rescale = groups[group]
    slope = groups.numbers(group, "RescaleSlope", 1)
    intercept = groups.numbers(group, "RescaleIntercept", 1)
    if slope is not None and slope[0] == 0:
        groups.refuse(group, "RescaleSlope")
    if slope is None or slope[0] == 0:
        return real_world_rescale(groups["RealWorldValueMappingSequence"]) or Rescale(unit=unit)
    rescale_type = str(rescale.get("RescaleType") or "")
    if rescale_type.upper() not in ("", "US", "UNSPECIFIED"):
        unit = display_unit(rescale_type)
    return Rescale(slope[0], intercept[0] if intercept else 0.0, unit)


def _windows(voi: Dataset) -> Iterator[tuple[float, float]]:
    centers, widths = (
        read_decimals(raw_text(voi, keyword).encode("latin-1", "replace")) or ()
        for keyword in ("WindowCenter", "WindowWidth")
    )
    for center, width in zip(centers, widths, strict=False):
        if width > 0:
            yield center, width


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
