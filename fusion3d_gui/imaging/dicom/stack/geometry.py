"""Where the slices of a DICOM stack lie: order, affine, gaps, tilt; contradictions said with numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.dicom.frames.frame import Frame

#: Slices this close (mm) to an even grid count as even: headers round positions.
_EVEN_WITHIN_MM = 0.02

#: Two slices closer than this (mm) along the normal lie at the same place.
SAME_POSITION_MM = 0.005

#: Slices off an even grid by less than this share of the spacing stay as they are, with a notice.
_SLIGHTLY_UNEVEN = 0.1

#: What a header says and its positions do may differ by this much, in mm (or share) and degrees.
_SAID_WITHIN_MM, _SAID_WITHIN_SHARE, _SAID_WITHIN_DEG = 0.05, 0.01, 0.5


@dataclass(frozen=True, eq=False)
class StackGeometry:
    """How ordered frames become a volume.

    Parameters
    ----------
    affine
        4x4, voxel index (i, j, k) to LPS mm.
    slice_count
        Slices of the volume.
    slots
        For each frame the slice that it fills; slices that nobody fills stay blank. Where the
        slices are unevenly spaced, fractional: the volume is interpolated between them.
    notices
        What the user should know.
    """

    affine: np.ndarray
    slice_count: int
    slice_indices: np.ndarray
    notices: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[int, ...]:
        """Slices that no frame fills; none where the volume is interpolated."""
        if not self.is_even:
            return ()
        return tuple(np.setdiff1d(np.arange(self.slice_count), self.slice_indices).tolist())

    @property
    def is_even(self) -> bool:
        """Whether every frame fills one slice exactly."""
        return self.slice_indices.dtype.kind == "i"


def slice_normal(frame: Frame) -> np.ndarray:
    """Unit normal (LPS) of a frame: row direction x column direction (PS3.3 C.7.6.2.1.1)."""
    assert frame.orientation is not None
    normal = np.cross(frame.orientation[:3], frame.orientation[3:])
    return normal / np.linalg.norm(normal)


def depths_mm(frames: Sequence[Frame]) -> np.ndarray:
    """Position of each frame along the normal of the first."""
    positions = np.array([frame.position for frame in frames], dtype=np.float64)
    return positions @ slice_normal(frames[0])


def stack_geometry(frames: Sequence[Frame]) -> StackGeometry:
    """Lay out frames of one orientation, sorted along their normal, no two at the same place."""
    first = frames[0]
    assert first.orientation is not None and first.position is not None
    notices: list[str] = []
    spacing = first.spacing
    if spacing is None:
        spacing = (1.0, 1.0)
        notices.append("The file does not say the size of a pixel; 1 mm is shown.")
    positions = np.array([frame.position for frame in frames], dtype=np.float64)
    normal = slice_normal(first)
    affine = np.eye(4)
    affine[:3, 0] = np.array(first.orientation[:3]) * spacing[1]
    affine[:3, 1] = np.array(first.orientation[3:]) * spacing[0]
    affine[:3, 3] = positions[0]
    if len(frames) == 1:
        if first.slice_spacing_mm is None:
            notices.append("The file does not say how thick its slice is; 1 mm is shown.")
        affine[:3, 2] = normal * (first.slice_spacing_mm or 1.0)
        return StackGeometry(affine, 1, np.zeros(1, dtype=int), tuple(notices))

    depths = (positions - positions[0]) @ normal
    alike = len({frame.slice_spacing_mm for frame in frames}) == 1
    slice_indices, sentences = _slots(depths, alike)
    notices += sentences
    # One straight line through all slices, whether or not it runs along the normal (gantry tilt).
    step, start, stray = _line(positions, slice_indices)
    affine[:3, 2], affine[:3, 3] = step, start
    across = np.linalg.norm(stray - np.outer(stray @ normal, normal), axis=1)
    if across.max() > _EVEN_WITHIN_MM:
        notices.append(
            f"Slices are shifted sideways against each other by up to {across.max():.2f} mm;"
            " they are shown on a straight line."
        )
    tilt = np.degrees(np.arctan2(np.linalg.norm(step - (step @ normal) * normal), step @ normal))
    if tilt > 0.05:
        notices.append(
            f"Slices are tilted by {tilt:.1f} degrees (gantry tilt); shown sheared, true."
        )
    if slice_indices.dtype.kind == "i":
        notices += _contradictions(first, float(step @ normal), float(tilt))
    count = int(np.ceil(slice_indices.max() - 1e-6)) + 1
    return StackGeometry(affine, count, slice_indices, tuple(notices))


def _contradictions(first: Frame, spacing_mm: float, tilt_deg: float) -> list[str]:
    """What a classic image's header says otherwise than its positions, which are believed."""
    elements = first.file.elements
    found = []
    said = elements.number("SpacingBetweenSlices")
    if said and abs(abs(said) - spacing_mm) > max(_SAID_WITHIN_MM, _SAID_WITHIN_SHARE * spacing_mm):
        found.append(
            f"The header says that slices are {abs(said):.3g} mm apart, their positions say"
            f" {spacing_mm:.3g} mm; the positions are used."
        )
    said = elements.number("GantryDetectorTilt")
    if said is not None and abs(abs(said) - tilt_deg) > _SAID_WITHIN_DEG:
        found.append(
            f"The header says that the gantry was tilted by {abs(said):.1f} degrees, the positions"
            f" say {tilt_deg:.1f}; the positions are used."
        )
    return found


def _line(
    positions: np.ndarray, slice_indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Step and start of the line through slices at ``slice_indices``, and how far each strays from it (mm).

    The line runs through the first and the last slice exactly, which is what the other converters
    do too: least squares would move every slice by some of the others' rounding.
    """
    step = (positions[-1] - positions[0]) / (slice_indices[-1] - slice_indices[0])
    start = positions[0] - step * slice_indices[0]
    return step, start, positions - (start + np.outer(slice_indices, step))


def _slots(depths: np.ndarray, alike: bool) -> tuple[np.ndarray, list[str]]:
    """Slice number of each depth (ascending from 0), and notices.

    ``alike``: whether all slices say that they are equally thick. They are then of one spacing,
    however many of them are missing; where they are not, part of the patient was scanned with
    wider spacing, and nothing is missing there.
    """
    count = len(depths)
    gaps = np.diff(depths)
    mean = float(depths[-1] / (count - 1))
    even = np.arange(count)
    worst = float(np.abs(depths - even * mean).max())
    if worst <= _EVEN_WITHIN_MM:
        return even, []
    for spacing in (np.median(gaps), gaps.min()) if alike else (np.median(gaps),):
        found = _on_grid(depths, gaps, float(spacing))
        if found is not None:
            return found

    # Too uneven for a grid: interpolate on one as fine as the closest pair, within reason.
    step = max(float(np.percentile(gaps, 10)), float(depths[-1]) / (4 * count))
    steps = max(1, round(float(depths[-1]) / step))
    step = float(depths[-1]) / steps
    return (
        depths / step,
        [
            f"Slices are spaced unevenly, {gaps.min():.2f} to {gaps.max():.2f} mm;"
            f" interpolated to every {step:.2f} mm."
        ],
    )


def _on_grid(
    depths: np.ndarray, gaps: np.ndarray, spacing: float
) -> tuple[np.ndarray, list[str]] | None:
    """Slice numbers on a grid of about this spacing, some of them missing; None where they don't fit."""
    multiples = np.rint(gaps / spacing).astype(int)
    if multiples.min() < 1:
        return None
    numbers = np.concatenate([[0], np.cumsum(multiples)])
    step = float(depths[-1] / numbers[-1])
    off = float(np.abs(depths - numbers * step).max())
    missing = int(numbers[-1] + 1 - len(depths))
    if off > max(_EVEN_WITHIN_MM, _SLIGHTLY_UNEVEN * step) or missing > len(depths) // 2:
        return None
    notices = []
    if missing:
        places = np.setdiff1d(np.arange(numbers[-1]), numbers) * step
        notices.append(
            f"{_slices(missing)} missing, {_where(places)} from the first slice"
            f" (spacing {step:.3g} mm); left blank, so that the others are at their true place."
        )
    if off > _EVEN_WITHIN_MM:
        notices.append(
            f"Slices are spaced unevenly, {gaps.min():.2f} to {gaps.max():.2f} mm;"
            f" shown every {step:.2f} mm, so up to {off:.2f} mm from their true place."
        )
    return numbers, notices


def _slices(count: int) -> str:
    return "1 slice is" if count == 1 else f"{count} slices are"


def _where(places_mm: np.ndarray) -> str:
    """In words, up to three places."""
    if len(places_mm) > 3:
        return f"the first at {places_mm[0]:.1f} mm"
    *early, last = (f"{place:.1f}" for place in places_mm)
    return f"at {', '.join(early)} and {last} mm" if early else f"at {last} mm"
