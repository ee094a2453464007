"""``sort_into_stacks``: the frames of DICOM files, sorted into stacks of one volume each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.frames.storage_classes import class_name, is_single_image
from fusion3d_gui.imaging.dicom.frames.unreadable import UnreadableValue, unreadable_warnings
from fusion3d_gui.imaging.dicom.instance import DicomInstance
from fusion3d_gui.imaging.dicom.stack.geometry import (
    StackGeometry,
    depths_mm,
    stack_geometry,
)
from fusion3d_gui.imaging.dicom.stack.repetitions import instance_number
from fusion3d_gui.imaging.dicom.stack.split import split_by_position
from fusion3d_gui.imaging.scan_warning import ScanWarning
from fusion3d_gui.progress import Progress, no_progress

_CACHED_SPACINGS = 64

#: Direction cosines that differ by less belong to one stack.
_SAME_ORIENTATION = 1e-3


@dataclass(frozen=True, eq=False)
class Stack:
    """The frames of one volume, in slice order.

    Parameters
    ----------
    uid
        Series Instance UID, with ``#2``, ``#3`` ... where the series holds several volumes.
    frames
        In slice order.
    geometry
        Where they lie.
    part
        Which of the series' volumes this is, in words; empty where there is one.
    notices
        Sentences for the user.
    faults
        Why its voxels or geometry are wrong, or that it is no volume.
    doubts
        Sentences on what makes it doubtful that its frames belong together.
    """

    uid: str
    frames: tuple[Frame, ...]
    geometry: StackGeometry
    part: str
    notices: tuple[str, ...]
    faults: tuple[ScanWarning, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def is_localiser(self) -> bool:
        """Whether it is a scout, made to plan other scans on."""
        return self.frames[0].file.is_localiser

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the volume, (k, j, i)."""
        return (self.geometry.slice_count, *self.frames[0].shape)


def sort_into_stacks(
    instances: Iterable[DicomInstance], progress: Progress = no_progress
) -> list[Stack]:
    """Split DICOM files into the volumes that a radiologist would see, largest first, localisers last.

    Files of one series and patient, and frames of one size, type, spacing and orientation, make a
    volume; where several lie at one position, they are told apart by echo, time, b-value ..., else
    by their number.
    """
    by_series: dict[tuple[str, Path | None], list[DicomInstance]] = defaultdict(list)
    for instance in instances:
        uid = instance.file.elements.text("SeriesInstanceUID")
        by_series[uid, None if uid else instance.file.path.parent].append(instance)
    stacks: list[Stack] = []
    without_uid = 0
    for number, ((uid, _), members) in enumerate(by_series.items()):
        progress(number / len(by_series), "Sorting the slices")
        without_uid += not uid
        stacks += _stacks_of_series(uid or f"no-uid-{without_uid}", members)
    stacks.sort(key=lambda stack: (stack.is_localiser, -_size(stack)))
    return stacks


def _size(stack: Stack) -> int:
    k, j, i = stack.shape
    return k * j * i


def patient_of(file: DicomFile) -> tuple[str, ...]:
    """ID, name and birth date of the patient."""
    elements = file.elements
    return tuple(elements.text(f"Patient{part}") for part in ("ID", "Name", "BirthDate"))


def _stacks_of_series(uid: str, instances: list[DicomInstance]) -> list[Stack]:
    by_patient: dict[tuple[str, ...], list[DicomInstance]] = defaultdict(list)
    for instance in instances:
        by_patient[patient_of(instance.file)].append(instance)
    several = len(by_patient)
    stacks: list[Stack] = []
    for number, members in enumerate(by_patient.values(), start=1):
        if several == 1:
            stacks += _stacks_of_patient(uid, members, [])
            continue
        # The standard forbids it, but two patients must never be shown as one volume.
        notices = [f"The files of this series name {several} different patients; kept apart."]
        stacks += [
            replace(stack, part=", ".join(filter(None, (f"patient {number}", stack.part))))
            for stack in _stacks_of_patient(uid, members, notices)
        ]
    stacks.sort(key=lambda stack: (stack.is_localiser, -_size(stack)))
    if len(stacks) == 1:
        return stacks
    return [
        replace(
            stack,
            uid=uid if number == 1 else f"{uid}#{number}",
            part=stack.part or f"part {number} of {len(stacks)}",
        )
        for number, stack in enumerate(stacks, start=1)
    ]


def _stacks_of_patient(uid: str, instances: list[DicomInstance], notices: list[str]) -> list[Stack]:
    kept, duplicate_notices = _without_duplicates(instances)
    own_notices = dict.fromkeys(notice for instance in kept for notice in instance.notices)
    notices = [*duplicate_notices, *notices, *own_notices]
    frames = [frame for instance in kept for frame in instance.frames]
    # Without its position a slice is not in the stack to which it belongs, which lacks it then.
    apart = [value for frame in frames for value in frame.unreadable if not value.changes_values]
    stacks = []
    for group in _compatible_groups(frames):
        for part in split_by_position(group):
            ordered, geometry = _order(part.frames)
            faults = _faults(ordered, apart)
            said = (each.sentence for each in faults)
            stack_notices = (*notices, *said, *part.doubts, *part.notices, *geometry.notices)
            stacks.append(
                Stack(uid, tuple(ordered), geometry, part.name, stack_notices, faults, part.doubts)
            )
    return stacks


def _faults(frames: Sequence[Frame], apart: Sequence[UnreadableValue]) -> tuple[ScanWarning, ...]:
    """Warnings of what is not valid in a stack's frames and in the geometry of others of its series.

    And one where they are no slices of a volume.
    """
    values = [*(value for frame in frames for value in frame.unreadable), *apart]
    if len(frames) > 1 and frames[0].position is not None and frames[0].orientation is not None:
        values = [value for value in values if not value.is_slice_spacing]
    warnings = unreadable_warnings(values)
    sop_class = frames[0].file.elements.text("SOPClassUID")
    if frames[0].position is None and len(frames) > 1 and is_single_image(sop_class):
        sentence = f"Its images ({class_name(sop_class)}) are no slices of a volume."
        warnings += (ScanWarning("not a volume", sentence),)
    return warnings


def _without_duplicates(instances: list[DicomInstance]) -> tuple[list[DicomInstance], list[str]]:
    """Drop copies of an image: of the same UID, number, position and size."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for instance in sorted(instances, key=lambda instance: str(instance.file.path)):
        file = instance.file
        uid = file.elements.text("SOPInstanceUID")
        identity = (
            uid,
            file.elements.text("InstanceNumber"),
            file.elements.text("ImagePositionPatient"),
            f"{file.format.rows}x{file.format.columns}x{file.frame_count}",
        )
        if uid and identity in seen:
            continue
        seen.add(identity)
        kept.append(instance)
    dropped = len(instances) - len(kept)
    if not dropped:
        return kept, []
    return kept, [f"{dropped} duplicate {'file' if dropped == 1 else 'files'} left out."]


def _compatible_groups(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Groups of frames that one volume may hold: of one size, type, pixel spacing and orientation."""
    groups: dict[tuple[object, ...], list[tuple[tuple[float, ...], list[Frame]]]]
    groups = defaultdict(list)
    references = {frame.file.elements.text("FrameOfReferenceUID") for frame in frames}
    one_reference = len(references - {""}) < 2
    for frame in frames:
        has_position = frame.position is not None and frame.orientation is not None
        kind = (
            frame.shape,
            frame.file.format.samples,
            frame.file.format.dtype,
            has_position,
            _rounded(frame.spacing),
            frame.file.is_localiser,
            frame.table is None,
            frame.file.format.photometric,
            # Images that do not name their frame of reference share that of the others.
            one_reference or frame.file.elements.text("FrameOfReferenceUID"),
        )
        orientation = frame.orientation if has_position and frame.orientation else (0.0,) * 6
        for other, members in groups[kind]:
            if other == orientation or _is_near(other, orientation):
                members.append(frame)
                break
        else:
            groups[kind].append((orientation, [frame]))
    return [members for same_kind in groups.values() for _, members in same_kind]


@lru_cache(_CACHED_SPACINGS)
def _rounded(spacing: tuple[float, float] | None) -> tuple[str, ...] | None:
    """Pixel spacing to four digits, but at least 0.0001 mm: headers of one scan round it differently."""
    if spacing is None:
        return None
    return tuple(f"{mm:.4f}" if mm >= 0.1 else f"{mm:.3e}" for mm in spacing)


def _is_near(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) < _SAME_ORIENTATION for a, b in zip(one, other, strict=True))


def _order(frames: list[Frame]) -> tuple[list[Frame], StackGeometry]:
    """Frames in slice order, by position or else by number, and their geometry."""
    if frames[0].position is not None and frames[0].orientation is not None:
        order = np.argsort(depths_mm(frames), kind="stable")
        ordered = [frames[index] for index in order]
        return ordered, stack_geometry(ordered)
    ordered = sorted(frames, key=instance_number)
    first = ordered[0]
    row_mm, column_mm = first.spacing or (1.0, 1.0)
    affine = np.diag([column_mm, row_mm, first.slice_spacing_mm or 1.0, 1.0])
    is_said = any(not value.changes_values for value in first.unreadable)
    notice = (
        "Left and right, front and back are not known."
        if is_said
        else "The file does not say where its images lie in the patient:"
        " left and right, front and back are not known."
    )
    warning = ScanWarning("left and right unknown", notice)
    return ordered, StackGeometry(affine, len(ordered), np.arange(len(ordered)), (warning,))
