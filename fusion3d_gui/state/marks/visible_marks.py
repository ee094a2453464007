"""The part of a mark within the slab that a view shows. Geometry only, no Qt in it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.state.display.screen_plane import ScreenPlane

#: Planes whose normals differ by less than about half a degree count as parallel.
_PARALLEL = 0.99996
_SLACK_MM = 1e-6


@dataclass(frozen=True, eq=False)
class VisibleMark:
    """The part of a mark within half a slice of a plane.

    Parameters
    ----------
    lines
        Pieces ``[n, 3]`` (mm LPS), each drawn as a line through its points.
    handles
        (number, position in mm LPS) of the points that can be dragged here. Of a region these are
        the four corners of its box, in the order of ``Annotation.box_corners_lps``.
    whole
        Whether all of the mark lies in the slab.
    """

    annotation: Annotation
    lines: tuple[np.ndarray, ...]
    handles: tuple[tuple[int, np.ndarray], ...]
    whole: bool


def visible_mark(annotation: Annotation, plane: ScreenPlane) -> VisibleMark | None:
    """The part of a mark that a view of this plane shows; None where it does not touch the slab."""
    half = plane.thickness_mm / 2 + _SLACK_MM
    points = annotation.points_lps
    if annotation.is_region:
        return _visible_region(annotation, plane, half)
    inside = np.abs(plane.distance_mm(points)) <= half
    handles = tuple((n, point) for n, point in enumerate(points) if inside[n])
    pieces = [clip_segment(a, b, plane, half) for a, b in pairwise(points)]
    lines = tuple(piece for piece in pieces if piece is not None)
    if not lines and not handles:
        return None
    return VisibleMark(annotation, lines, handles, bool(inside.all()))


def _visible_region(annotation: Annotation, plane: ScreenPlane, half: float) -> VisibleMark | None:
    outline = annotation.outline_lps()
    whole = bool((np.abs(plane.distance_mm(outline)) <= half).all())
    piece = outline if whole else clip_polygon(outline, plane, half)
    if len(piece) == 0:
        return None
    handles: tuple[tuple[int, np.ndarray], ...] = ()
    if whole and abs(float(annotation.normal_lps @ plane.normal_lps)) > _PARALLEL:
        handles = tuple(enumerate(annotation.box_corners_lps()))
    closed = np.concatenate([piece, piece[:1]])
    return VisibleMark(annotation, (closed,), handles, whole)


def clip_segment(
    first: np.ndarray, last: np.ndarray, plane: ScreenPlane, half_mm: float
) -> np.ndarray | None:
    """The part ``[2, 3]`` of a segment within ``half_mm`` of a plane; None where there is none."""
    a, b = float(plane.distance_mm(first)), float(plane.distance_mm(last))
    low, high = 0.0, 1.0
    for start, end in ((a, b), (-a, -b)):
        # Keep where start + t (end - start) <= half.
        if start > half_mm and end > half_mm:
            return None
        if start > half_mm:
            low = max(low, (start - half_mm) / (start - end))
        elif end > half_mm:
            high = min(high, (half_mm - start) / (end - start))
    if low > high:
        return None
    return np.stack([first + low * (last - first), first + high * (last - first)])


def clip_polygon(corners: np.ndarray, plane: ScreenPlane, half_mm: float) -> np.ndarray:
    """The part of a convex polygon ``[n, 3]`` within ``half_mm`` of a plane (Sutherland-Hodgman)."""
    for sign in (1.0, -1.0):
        after = sign * plane.distance_mm(corners) - half_mm
        before, here = np.roll(after, 1), np.roll(corners, 1, axis=0)
        crosses = (before > 0) != (after > 0)
        share = np.where(crosses, before / np.where(crosses, before - after, 1.0), 0.0)
        # On each side first where it crosses, then where it ends.
        both = np.stack([here + share[:, None] * (corners - here), corners], axis=1)
        corners = both[np.stack([crosses, after <= 0], axis=1)]
        if len(corners) == 0:
            break
    return corners
