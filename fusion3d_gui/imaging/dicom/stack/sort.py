"""DICOM files into stacks: each a set of frames that make one volume."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.instance import DicomInstance
from fusion3d_gui.imaging.dicom.stack.geometry import (
    SAME_POSITION_MM,
    StackGeometry,
    depths_mm,
    stack_geometry,
)
from fusion3d_gui.progress import Progress, no_progress

#: What may tell apart volumes within one series, strongest first, and how it is called on screen.
_LABELS = {
    "ImageType": "type",
    "ComplexImageComponent": "",
    "SegmentNumber": "segment",
    "EchoNumbers": "echo",
    "EchoTime": "TE",
    "DiffusionBValue": "b",
    "DiffusionDirectionality": "",
    "TemporalPositionIdentifier": "time point",
    "TriggerTime": "trigger time",
    "StackID": "stack",
    "AcquisitionNumber": "acquisition",
    "DiffusionGradientOrientation": "direction",
    "AcquisitionTime": "acquired",
    "ContentTime": "time",
}

#: Direction cosines that differ by less belong to one stack.
_SAME_ORIENTATION = 1e-3


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames that make one volume, in slice order, and how they lie.

    ``uid`` is the Series Instance UID, with ``#2``, ``#3`` ... where the series holds several
    volumes; ``part`` says in words which of them this is.
    """

    uid: str
    frames: tuple[Frame, ...]
    geometry: StackGeometry
    part: str
    notices: tuple[str, ...]

    @property
    def is_localiser(self) -> bool:
        """Whether it is a scout, made to plan others on."""
        return self.frames[0].file.is_localiser

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the volume, (k, j, i)."""
        return (self.geometry.slice_count, *self.frames[0].shape)


def sort_into_stacks(
    images: Iterable[DicomInstance], progress: Progress = no_progress
) -> list[Stack]:
    """Split images into volumes as a radiologist would; largest first, localisers last."""
    by_series: dict[tuple[str, Path | None], list[DicomInstance]] = defaultdict(list)
    for image in images:
        uid = image.file.elements.text("SeriesInstanceUID")
        by_series[uid, None if uid else image.file.path.parent].append(image)
    stacks: list[Stack] = []
    without = 0
    for number, ((uid, _), members) in enumerate(by_series.items()):
        progress(number / len(by_series), "Sorting the slices")
        without += not uid
        stacks += _stacks_of_series(uid or f"no-uid-{without}", members)
    stacks.sort(key=lambda stack: (stack.is_localiser, -_size(stack)))
    return stacks


def _size(stack: Stack) -> int:
    k, j, i = stack.shape
    return k * j * i


def _patient(image: DicomInstance) -> tuple[str, ...]:
    """What tells patients apart, as the file says it."""
    elements = image.file.elements
    return tuple(elements.text(f"Patient{part}") for part in ("ID", "Name", "BirthDate"))


def _stacks_of_series(uid: str, images: list[DicomInstance]) -> list[Stack]:
    by_patient: dict[tuple[str, ...], list[DicomInstance]] = defaultdict(list)
    for image in images:
        by_patient[_patient(image)].append(image)
    several = len(by_patient)
    stacks: list[Stack] = []
    for number, members in enumerate(by_patient.values(), start=1):
        if several == 1:
            stacks += _stacks_of_patient(uid, members, [])
            continue
        # The standard forbids it; two patients are never shown as one volume all the same.
        said = [f"The files of this series name {several} different patients; kept apart."]
        stacks += [
            replace(stack, part=", ".join(filter(None, (f"patient {number}", stack.part))))
            for stack in _stacks_of_patient(uid, members, said)
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


def _stacks_of_patient(uid: str, images: list[DicomInstance], said: list[str]) -> list[Stack]:
    kept, notices = _without_duplicates(images)
    notices += [*said, *dict.fromkeys(notice for image in kept for notice in image.notices)]
    frames = [frame for image in kept for frame in image.frames]
    stacks = []
    for group in _alike(frames):
        for labels, members in _one_frame_per_place(group):
            ordered, geometry = _order(members)
            stacks.append(
                Stack(uid, tuple(ordered), geometry, labels, (*notices, *geometry.notices))
            )
    return stacks


def _without_duplicates(images: list[DicomInstance]) -> tuple[list[DicomInstance], list[str]]:
    """Drop those that are the same image once more (same UID, number and place)."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for image in sorted(images, key=lambda image: str(image.file.path)):
        file = image.file
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
        kept.append(image)
    dropped = len(images) - len(kept)
    if not dropped:
        return kept, []
    return kept, [f"{dropped} duplicate {'file' if dropped == 1 else 'files'} left out."]


def _alike(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Groups of one size, pixel spacing, orientation and kind, as one volume must be."""
    groups: dict[tuple[object, ...], list[tuple[tuple[float, ...], list[Frame]]]]
    groups = defaultdict(list)
    references = {frame.file.elements.text("FrameOfReferenceUID") for frame in frames}
    one_reference = len(references - {""}) < 2
    for frame in frames:
        placed = frame.position is not None and frame.orientation is not None
        kind = (
            frame.shape,
            frame.file.format.samples,
            frame.file.format.dtype,
            placed,
            None if frame.spacing is None else tuple(round(mm, 4) for mm in frame.spacing),
            frame.file.is_localiser,
            frame.table is None,
            frame.file.format.photometric,
            # Where some images of a series do not name theirs, it is that of the others.
            one_reference or frame.file.elements.text("FrameOfReferenceUID"),
        )
        orientation = frame.orientation if placed and frame.orientation else (0.0,) * 6
        for known, members in groups[kind]:
            if known == orientation or _is_near(known, orientation):
                members.append(frame)
                break
        else:
            groups[kind].append((orientation, [frame]))
    return [members for same_kind in groups.values() for _, members in same_kind]


def _is_near(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) < _SAME_ORIENTATION for a, b in zip(one, other, strict=True))


def _number(frame: Frame) -> tuple[float, str, int]:
    number = frame.file.elements.number("InstanceNumber")
    return (np.inf if number is None else number, frame.file.path.name, frame.index)


def _one_frame_per_place(frames: list[Frame]) -> list[tuple[str, list[Frame]]]:
    """Split frames of which several lie at the same place (echoes, time points, b-values ...)."""
    if frames[0].position is None or frames[0].orientation is None:
        return [("", frames)]
    frames = sorted(frames, key=_number)
    place = _places(frames)
    crowd = max(Counter(place.tolist()).values())
    if crowd == 1:
        return [("", frames)]
    keys = _telling_labels(frames, place, crowd)
    volumes: dict[tuple[tuple[str, ...], int], list[Frame]] = defaultdict(list)
    taken: Counter[tuple[tuple[str, ...], int]] = Counter()
    for frame, where in zip(frames, place.tolist(), strict=True):
        values = tuple(frame.labels.get(key, "") for key in keys)
        # What no label tells apart is told apart by its number: the n-th image at each place.
        volumes[values, taken[values, where]].append(frame)
        taken[values, where] += 1
    several = Counter(values for values, _ in volumes)
    named = []
    for (values, turn), members in volumes.items():
        words = [
            f"{_LABELS[key]} {value}" for key, value in zip(keys, values, strict=True) if value
        ]
        if several[values] > 1:
            words.append(f"volume {turn + 1}")
        named.append((", ".join(words), members))
    return named


def _places(frames: Sequence[Frame]) -> np.ndarray:
    """Number of the place along the normal at which each frame lies."""
    depths = depths_mm(frames)
    order = np.argsort(depths, kind="stable")
    steps = np.diff(depths[order]) > SAME_POSITION_MM
    place = np.empty(len(frames), dtype=int)
    place[order] = np.concatenate([[0], np.cumsum(steps)])
    return place


def _telling_labels(frames: Sequence[Frame], place: np.ndarray, crowd: int) -> list[str]:
    """The labels that together leave the fewest frames at one place, taken in order of strength.

    A label with more values than images at a place (a time of its own for each slice) tells
    nothing.
    """
    keys: list[str] = []
    left = crowd
    for key in _LABELS:
        trial = [*keys, key]
        values = [tuple(frame.labels.get(each, "") for each in trial) for frame in frames]
        if len(set(values)) > crowd:
            continue
        most = max(Counter(zip(values, place.tolist(), strict=True)).values())
        if most < left:
            keys, left = trial, most
        if left == 1:
            break
    return keys


def _order(frames: list[Frame]) -> tuple[list[Frame], StackGeometry]:
    """Frames in slice order, and their layout."""
    if frames[0].position is not None and frames[0].orientation is not None:
        order = np.argsort(depths_mm(frames), kind="stable")
        ordered = [frames[index] for index in order]
        return ordered, stack_geometry(ordered)
    ordered = sorted(frames, key=_number)
    first = ordered[0]
    row_mm, column_mm = first.spacing or (1.0, 1.0)
    affine = np.diag([column_mm, row_mm, first.slice_spacing_mm or 1.0, 1.0])
    notice = (
        "What the file says of where its images lie in the patient is not valid:"
        " left and right, front and back are not known."
        if first.orientation is None and first.file.elements.text("ImageOrientationPatient")
        else "The file does not say where its images lie in the patient:"
        " left and right, front and back are not known."
    )
    return ordered, StackGeometry(affine, len(ordered), np.arange(len(ordered)), (notice,))
