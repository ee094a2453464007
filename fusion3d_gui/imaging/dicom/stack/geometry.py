"""``StackGeometry``: affine, slice positions and gaps of a DICOM stack, and what contradicts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.scan_warning import ScanWarning

#: Tolerances are in mm for voxels of a patient's scan, with edges in this range; beyond it they scale.
_ORDINARY_VOXEL_MM = (0.1, 10.0)

#: Slices within this distance (mm) of an even grid count as even: headers round positions.
_EVEN_WITHIN_MM = 0.02

#: Two slices closer than this (mm) along the normal lie at the same position.
_SAME_POSITION_MM = 0.005

#: Slices off an even grid by less than this share of the spacing are not interpolated.
_SLIGHTLY_UNEVEN = 0.1

#: A header's spacing may differ from that of its positions by this much, in mm or as a share of it.
_SPACING_WITHIN_MM, _SPACING_WITHIN_SHARE = 0.05, 0.01
#: A header's gantry tilt may differ from that of its positions by this much, in degrees.
_TILT_WITHIN_DEG = 0.5


@dataclass(frozen=True, eq=False)
class StackGeometry:
    """How ordered frames become a volume.

    Parameters
    ----------
    affine
        4x4, voxel index (i, j, k) to LPS mm.
    slice_count
        Slices of the volume.
    slice_indices
        For each frame its slice (integers); slices without a frame stay blank. Where slices are
        unevenly spaced, fractional: the volume is interpolated between them.
    warnings
        What of it the reader must know.
    """

    affine: np.ndarray
    slice_count: int
    slice_indices: np.ndarray
    warnings: tuple[ScanWarning, ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """The sentences of the warnings."""
        return tuple(each.sentence for each in self.warnings)

    @property
    def missing(self) -> tuple[int, ...]:
        """Slices without a frame; none where the volume is interpolated."""
        if not self.is_even:
            return ()
        return tuple(np.setdiff1d(np.arange(self.slice_count), self.slice_indices).tolist())

    @property
    def is_even(self) -> bool:
        """Whether every frame is one slice, so that nothing is interpolated."""
        return self.slice_indices.dtype.kind == "i"


def _scale(frame: Frame) -> float:
    """What tolerances in mm are multiplied by, for voxels far from the size of a patient's scan."""
    edges = [mm for mm in (*(frame.spacing or ()), frame.slice_spacing_mm) if mm is not None]
    low, high = _ORDINARY_VOXEL_MM
    return min(1.0, min(edges, default=1.0) / low) * max(1.0, min(edges, default=1.0) / high)


def same_position_mm(frame: Frame) -> float:
    """Distance along the normal below which two slices of a stack lie at the same position."""
    return _SAME_POSITION_MM * _scale(frame)


def _directions(frame: Frame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (LPS) along a row, down a column, and their normal (PS3.3 C.7.6.2.1.1)."""
    if frame.orientation is None:
        raise ValueError("the frame has no orientation")
    row, column = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
    normal = np.cross(row, column)
    return row, column, normal / np.linalg.norm(normal)


def depths_mm(frames: Sequence[Frame]) -> np.ndarray:
    """Position of each frame along the normal of the first (float64); all must have a position."""
    positions = np.array([frame.position for frame in frames], dtype=np.float64)
    _, _, normal = _directions(frames[0])
    depths: np.ndarray = positions @ normal
    return depths


def stack_geometry(frames: Sequence[Frame]) -> StackGeometry:
    """Geometry of frames with positions and one orientation, sorted along their normal.

    Positions are believed rather than the header's spacing and tilt; a notice says where they
    contradict each other. No two frames may lie at the same position.

    Parameters
    ----------
    frames
        At least one; each with a position and an orientation.
    """
    first = frames[0]
    scale = _scale(first)
    row, column, normal = _directions(first)
    warnings: list[ScanWarning] = []
    spacing = first.spacing
    if spacing is None:
        spacing = (1.0, 1.0)
        sentence = "The file does not say the size of a pixel; 1 mm is shown."
        warnings.append(ScanWarning("pixel size unknown", sentence))
    positions = np.array([frame.position for frame in frames], dtype=np.float64)
    affine = np.eye(4)
    affine[:3, 0] = row * spacing[1]
    affine[:3, 1] = column * spacing[0]
    affine[:3, 3] = positions[0]
    if len(frames) == 1:
        if first.slice_spacing_mm is None:
            sentence = "The file does not say how thick its slice is; 1 mm is shown."
            warnings.append(ScanWarning("thickness unknown", sentence))
        affine[:3, 2] = normal * (first.slice_spacing_mm or 1.0)
        return StackGeometry(affine, 1, np.zeros(1, dtype=int), tuple(warnings))

    depths = (positions - positions[0]) @ normal
    one_spacing = len({frame.slice_spacing_mm for frame in frames}) == 1
    slice_indices, uneven = _slice_indices(depths, one_spacing=one_spacing, scale=scale)
    warnings += uneven
    # One straight line through all slices, whether or not it runs along the normal (gantry tilt).
    step, start, deviations = _line(positions, slice_indices)
    affine[:3, 2], affine[:3, 3] = step, start
    sideways = np.linalg.norm(deviations - np.outer(deviations @ normal, normal), axis=1)
    if sideways.max() > _EVEN_WITHIN_MM * scale:
        sentence = (
            f"Slices are shifted sideways against each other by up to {_mm(sideways.max())};"
            " they are shown on a straight line."
        )
        warnings.append(ScanWarning("slices shifted sideways", sentence))
    tilt = np.degrees(np.arctan2(np.linalg.norm(step - (step @ normal) * normal), step @ normal))
    if tilt > 0.05:
        sentence = (
            f"Slices are tilted by {tilt:.1f} degrees (gantry tilt); shown sheared, as they lie."
        )
        warnings.append(ScanWarning(f"gantry tilt {tilt:.1f}°", sentence))
    if slice_indices.dtype.kind == "i":
        warnings += _contradictions(first, float(step @ normal), float(tilt), scale)
    count = int(np.ceil(slice_indices.max() - 1e-6)) + 1
    return StackGeometry(affine, count, slice_indices, tuple(warnings))


def _contradictions(
    first: Frame, spacing_mm: float, tilt_deg: float, scale: float
) -> list[ScanWarning]:
    """Warnings where the header of a classic image contradicts its positions, which are believed."""
    elements = first.file.elements
    warnings = []
    header_mm = abs(elements.number("SpacingBetweenSlices") or 0)
    tolerance = max(_SPACING_WITHIN_MM * scale, _SPACING_WITHIN_SHARE * spacing_mm)
    if header_mm and abs(header_mm - spacing_mm) > tolerance:
        sentence = (
            f"The header says that slices are {header_mm:.3g} mm apart, their positions say"
            f" {spacing_mm:.3g} mm; the positions are used."
        )
        warnings.append(ScanWarning("spacing contradictory", sentence))
    header_deg = elements.number("GantryDetectorTilt")
    if header_deg is not None and abs(abs(header_deg) - tilt_deg) > _TILT_WITHIN_DEG:
        sentence = (
            f"The header says that the gantry was tilted by {abs(header_deg):.1f} degrees, the"
            f" positions say {tilt_deg:.1f}; the positions are used."
        )
        warnings.append(ScanWarning("tilt contradictory", sentence))
    return warnings


def _line(
    positions: np.ndarray, slice_indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The line through the first and the last slice: step, start, and each slice's deviation (mm).

    Through those two exactly, as other converters do: least squares would move every slice by
    some of the others' rounding.
    """
    step = (positions[-1] - positions[0]) / (slice_indices[-1] - slice_indices[0])
    start = positions[0] - step * slice_indices[0]
    return step, start, positions - (start + np.outer(slice_indices, step))


def _slice_indices(
    depths: np.ndarray, *, one_spacing: bool, scale: float
) -> tuple[np.ndarray, list[ScanWarning]]:
    """Slice of each depth (mm, ascending from 0), fractional where uneven, and warnings.

    ``one_spacing``: whether the header gives all slices the same spacing. Gaps are then missing
    slices, however many; otherwise part of the patient was scanned with wider spacing, and
    nothing is missing there. ``scale``: of the tolerances.
    """
    count = len(depths)
    gaps = np.diff(depths)
    mean = float(depths[-1] / (count - 1))
    even = np.arange(count)
    worst = float(np.abs(depths - even * mean).max())
    if worst <= _EVEN_WITHIN_MM * scale:
        return even, []
    for spacing in (np.median(gaps), gaps.min()) if one_spacing else (np.median(gaps),):
        found = _on_grid(depths, gaps, float(spacing), scale)
        if found is not None:
            return found

    # Too uneven for a grid: interpolate, about as finely as the closest slices lie.
    step = max(float(np.percentile(gaps, 10)), float(depths[-1]) / (4 * count))
    steps = max(1, round(float(depths[-1]) / step))
    step = float(depths[-1]) / steps
    sentence = f"Slices are spaced unevenly, {_range(gaps)}; interpolated to every {_mm(step)}."
    return depths / step, [ScanWarning(f"uneven spacing, {_range(gaps)}", sentence)]


def _on_grid(
    depths: np.ndarray, gaps: np.ndarray, spacing: float, scale: float = 1.0
) -> tuple[np.ndarray, list[ScanWarning]] | None:
    """Slices on a grid of about this spacing (mm), some of them missing; None if they do not fit."""
    multiples = np.rint(gaps / spacing).astype(int)
    if multiples.min() < 1:
        return None
    numbers = np.concatenate([[0], np.cumsum(multiples)])
    step = float(depths[-1] / numbers[-1])
    off = float(np.abs(depths - numbers * step).max())
    missing = int(numbers[-1] + 1 - len(depths))
    if off > max(_EVEN_WITHIN_MM * scale, _SLIGHTLY_UNEVEN * step) or missing > len(depths) // 2:
        return None
    warnings = []
    if missing:
        gaps_mm = np.setdiff1d(np.arange(numbers[-1]), numbers) * step
        sentence = (
            f"{_slices_are(missing)} missing, {_at(gaps_mm)} from the first slice"
            f" (spacing {step:.3g} mm); left blank, so that the others are at their true position."
        )
        short = "1 slice missing" if missing == 1 else f"{missing} slices missing"
        warnings.append(ScanWarning(short, sentence))
    if off > _EVEN_WITHIN_MM * scale:
        sentence = (
            f"Slices are spaced unevenly, {_range(gaps)};"
            f" shown every {_mm(step)}, so up to {_mm(off)} from their true position."
        )
        warnings.append(ScanWarning(f"uneven spacing, {_range(gaps)}", sentence))
    return numbers, warnings


def _mm(distance: float) -> str:
    """A distance with two decimals, smaller ones with two digits."""
    return f"{distance:.2f} mm" if distance >= 0.01 else f"{distance:.2g} mm"


def _range(gaps: np.ndarray) -> str:
    return f"{_mm(gaps.min()).removesuffix(' mm')} to {_mm(gaps.max())}"


def _slices_are(count: int) -> str:
    return "1 slice is" if count == 1 else f"{count} slices are"


def _short(position_mm: float) -> str:
    return f"{position_mm:.1f}" if position_mm >= 1 else f"{position_mm:.2g}"


def _at(positions_mm: np.ndarray) -> str:
    """In words, up to three positions."""
    if len(positions_mm) > 3:
        return f"the first at {_short(positions_mm[0])} mm"
    *early, last = (_short(position) for position in positions_mm)
    return f"at {', '.join(early)} and {last} mm" if early else f"at {last} mm"
