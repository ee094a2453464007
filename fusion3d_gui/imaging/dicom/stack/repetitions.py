"""``assign_repetitions``: frames at one position that no label tells apart, as time points.

An instance number need not be unique in a series (PS3.3 C.7.6.1), and times may differ from slice to slice, so
none of them is trusted alone: an order counts where it has a pattern that scanners make.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fusion3d_gui.imaging.dicom.frames.frame import Frame

_DAY_S, _HALF_DAY_S = 86400.0, 43200.0

_UNKNOWN = (
    "Several images lie at each position, and nothing in the files tells which belong together:"
    " a volume may mix time points."
)
_CONTRADICTION = (
    "The times and numbers of the images contradict each other in which of them belong together:"
    " a volume may mix time points."
)
_UNEQUAL = (
    "Some positions have more images than others, and nothing in the files tells which belong"
    " together: a volume may mix time points."
)


def instance_number(frame: Frame) -> tuple[float, str, int]:
    """Sorts frames by instance number, then by file name and index; those without a number last."""
    number = frame.file.elements.number("InstanceNumber")
    return (np.inf if number is None else number, frame.file.path.name, frame.index)


def assign_repetitions(
    frames: Sequence[Frame], positions: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    """For each frame the number of its volume, so that none has two frames at one position.

    At each position the frames are put in an order: by temporal position, acquisition time, content
    time, trigger time or instance number, the first that tells them apart everywhere and runs volume by
    volume, or position by position.

    Parameters
    ----------
    frames
        In the order of their instance numbers.
    positions
        For each its position along the normal, as a number.

    Returns
    -------
    numbers : numpy.ndarray
        From 0.
    doubts : tuple of str
        Sentences for the user where another assignment is as likely.
    """
    counts = Counter(positions.tolist())
    if max(counts.values()) == 1:
        return np.zeros(len(frames), dtype=int), ()
    known = []
    for values in _orders(frames):
        if values is not None and _are_distinct(values, positions):
            numbers = _ranks(values, positions)
            known.append((_is_regular(values, positions, numbers), numbers))
    if len(set(counts.values())) > 1:
        doubts: tuple[str, ...] = (_UNEQUAL,)
    elif not known:
        doubts = (_UNKNOWN,)
    else:
        best = [numbers for regular, numbers in known if regular] or [each for _, each in known]
        doubts = () if len({_partition(each) for each in best}) == 1 else (_CONTRADICTION,)
    known.sort(key=lambda order: not order[0])
    if known:
        return known[0][1], doubts
    return _ranks(np.arange(len(frames), dtype=np.float64), positions), doubts


def _orders(frames: Sequence[Frame]) -> list[np.ndarray | None]:
    """Values to sort by, the most telling first; None for those that some frame lacks."""
    files: dict[object, int] = {}
    for frame in frames:
        files.setdefault((frame.file.elements.number("InstanceNumber"), frame.index), len(files))
    numbered = all(frame.file.elements.number("InstanceNumber") is not None for frame in frames)
    return [
        _numbers([frame.labels.get("TemporalPositionIdentifier", "") for frame in frames]),
        _times([frame.labels.get("AcquisitionTime", "") for frame in frames]),
        _times([frame.labels.get("ContentTime", "") for frame in frames]),
        _numbers([frame.labels.get("TriggerTime", "") for frame in frames]),
        # Frames come in this order already: equal ones share a place.
        np.array(
            [files[frame.file.elements.number("InstanceNumber"), frame.index] for frame in frames],
            dtype=np.float64,
        )
        if numbered
        else None,
    ]


def _numbers(texts: Sequence[str]) -> np.ndarray | None:
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def _times(texts: Sequence[str]) -> np.ndarray | None:
    """Seconds of the day (VR TM), the next day's after midnight."""
    seconds = []
    for text in texts:
        found = re.fullmatch(r"(\d\d):?(\d\d):?(\d\d(\.\d*)?)", text.strip())
        if found is None:
            return None
        seconds.append(3600 * int(found[1]) + 60 * int(found[2]) + float(found[3]))
    values = np.array(seconds)
    if np.ptp(values) > _HALF_DAY_S:
        values[values < _HALF_DAY_S] += _DAY_S
    return values


def _are_distinct(values: np.ndarray, positions: np.ndarray) -> bool:
    """Whether no two frames at one position have the same value."""
    return len(set(zip(values.tolist(), positions.tolist(), strict=True))) == len(values)


def _ranks(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """For each frame its place among those at its position."""
    ranks = np.empty(len(values), dtype=int)
    taken: Counter[int] = Counter()
    for index in np.argsort(values, kind="stable"):
        position = int(positions[index])
        ranks[index] = taken[position]
        taken[position] += 1
    return ranks


def _is_regular(values: np.ndarray, positions: np.ndarray, numbers: np.ndarray) -> bool:
    """Whether the values run volume by volume, or position by position."""
    return _are_apart(values, numbers) or _are_apart(values, positions)


def _are_apart(values: np.ndarray, groups: np.ndarray) -> bool:
    """Whether the ranges of values of different groups don't overlap."""
    ends = sorted(
        (float(values[groups == group].min()), float(values[groups == group].max()))
        for group in np.unique(groups)
    )
    return all(before[1] < after[0] for before, after in pairwise(ends))


def _partition(numbers: np.ndarray) -> tuple[int, ...]:
    """The volumes without their order, as something that can be compared."""
    first: dict[int, int] = {}
    return tuple(first.setdefault(number, len(first)) for number in numbers.tolist())
