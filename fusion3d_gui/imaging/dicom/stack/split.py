"""``split_by_position``: the volumes among frames of which several lie at one position."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.stack.geometry import depths_mm, same_position_mm
from fusion3d_gui.imaging.dicom.stack.repetitions import assign_repetitions, instance_number

#: What may distinguish volumes within one series, most telling first, and its name on screen.
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


@dataclass(frozen=True, eq=False)
class Part:
    """The frames of one volume, none at the position of another.

    Parameters
    ----------
    name
        Which of several it is, in words; empty where there is one.
    frames
        Its frames.
    notices
        Sentences for the user.
    doubts
        Sentences on what makes it doubtful that its frames belong together.
    """

    name: str
    frames: list[Frame]
    notices: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def split_by_position(frames: list[Frame]) -> list[Part]:
    """Split frames of which several lie at one position (echoes, time points, b-values ...)."""
    if frames[0].position is None or frames[0].orientation is None:
        return [Part("", frames)]
    frames = sorted(frames, key=instance_number)
    positions = _position_numbers(frames)
    most_at_one = max(Counter(positions.tolist()).values())
    if most_at_one == 1:
        return [Part("", frames)]
    keys = _distinguishing_labels(frames, positions, most_at_one)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, frame in enumerate(frames):
        groups[tuple(frame.labels.get(key, "") for key in keys)].append(index)
    position_count = int(positions.max()) + 1
    parts = []
    for values, members in groups.items():
        words = [
            f"{_LABELS[key]} {value}" for key, value in zip(keys, values, strict=True) if value
        ]
        own = [frames[index] for index in members]
        numbers, doubts = assign_repetitions(own, positions[members])
        for number in range(int(numbers.max()) + 1):
            inside = [frame for frame, each in zip(own, numbers, strict=True) if each == number]
            name = [*words, f"volume {number + 1}"] if numbers.any() else words
            covers = (
                (f"It covers {len(inside)} of the series' {position_count} slice positions.",)
                if len(inside) < position_count
                else ()
            )
            parts.append(Part(", ".join(name), inside, covers, doubts))
    return parts


def _position_numbers(frames: Sequence[Frame]) -> np.ndarray:
    """For each frame the number (from 0) of its position along the normal."""
    depths = depths_mm(frames)
    order = np.argsort(depths, kind="stable")
    is_next = np.diff(depths[order]) > same_position_mm(frames[0])
    numbers = np.empty(len(frames), dtype=int)
    numbers[order] = np.concatenate([[0], np.cumsum(is_next)])
    return numbers


def _distinguishing_labels(
    frames: Sequence[Frame], positions: np.ndarray, most_at_one: int
) -> list[str]:
    """The labels that together leave the fewest frames at one position, most telling first.

    A label with more values than there are frames at a position (such as a time of its own for
    each slice) distinguishes no volumes.
    """
    keys: list[str] = []
    left = most_at_one
    for key in _LABELS:
        trial = [*keys, key]
        values = [tuple(frame.labels.get(each, "") for each in trial) for frame in frames]
        if len(set(values)) > most_at_one:
            continue
        most = max(Counter(zip(values, positions.tolist(), strict=True)).values())
        if most < left:
            keys, left = trial, most
        if left == 1:
            break
    return keys
