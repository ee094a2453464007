"""Graphics of reports and presentation states as marks in patient space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.annotations.annotation import Annotation, Kind, as_point
from fusion3d_gui.imaging.dicom.source_series import SourceFrame, SourceSeries

#: A graphic of more points is no measurement that a reader made.
_MOST_POINTS = 20_000
#: Corners of a rectangle may be off the right angle by this cosine.
_SQUARE = 1e-3


@dataclass(frozen=True, eq=False)
class Graphic:
    """A graphic in patient space.

    Parameters
    ----------
    kind
        Its type as DICOM calls it, e.g. ``"POLYLINE"``.
    points
        LPS mm, float64 ``[n, 3]``.
    right, down
        Unit vectors of the image in which it was drawn; None where it was drawn in space.
    """

    kind: str
    points: np.ndarray
    right: np.ndarray | None = None
    down: np.ndarray | None = None


def points_of(item: Dataset, keyword: str, width: int) -> np.ndarray | None:
    """Finite coordinates of a graphic, float64 ``[n, width]``; None where there are no valid ones."""
    values = item.get(keyword)
    if values is None or isinstance(values, bytes | str):
        return None
    numbers = np.atleast_1d(np.array(values, dtype=np.float64)).ravel()
    if not numbers.size or numbers.size % width or numbers.size > width * _MOST_POINTS:
        return None
    points = numbers.reshape(-1, width)
    return points if np.isfinite(points).all() and np.abs(points).max() < 1e6 else None


def frames_by_uid(source: SourceSeries) -> dict[tuple[str, int], SourceFrame]:
    """The frames of a scan by the UID of their file and their number in it (1 in a file of one image)."""
    return {(str(frame.header.SOPInstanceUID), frame.number or 1): frame for frame in source.frames}


def referred_frame(
    reference: Dataset, frames: dict[tuple[str, int], SourceFrame]
) -> SourceFrame | None:
    """The frame that a reference names; None where it is not one of the scan."""
    number = reference.get("ReferencedFrameNumber") or 1
    first = number if isinstance(number, int | float | str) else next(iter(number), 1)
    uid = str(reference.get("ReferencedSOPInstanceUID", ""))
    return frames.get((uid, int(first)))


def graphic_on(frame: SourceFrame, kind: str, pixels: np.ndarray) -> Graphic:
    """A graphic of (column, row) positions in an image; the middle of the first pixel is 0.5, 0.5."""
    right, down = frame.plane.right_step, frame.plane.down_step
    return Graphic(
        kind,
        frame.lps_of(pixels),
        right / np.linalg.norm(right),
        down / np.linalg.norm(down),
    )


def marks_of(graphic: Graphic, number: int, text: str, wanted: Kind | None) -> list[Annotation]:
    """A graphic as marks; an outline that is no rectangle or ellipse is a point in its middle, which says so.

    Parameters
    ----------
    graphic
        In patient space.
    number
        Of the first mark.
    text
        What the mark says.
    wanted
        The kind that the file names, where it was written by this program.
    """
    points, kind = graphic.points, graphic.kind
    if kind in ("POINT", "MULTIPOINT"):
        return [
            Annotation(number + index, "point", (as_point(point),), text=text)
            for index, point in enumerate(points)
        ]
    if kind == "CIRCLE" and len(points) == 2:
        return [_circle(graphic, number, text)]
    if kind == "ELLIPSE" and len(points) == 4:
        return [_ellipse(points, number, text)]
    closed = len(points) > 3 and bool(np.allclose(points[0], points[-1], atol=1e-3))
    corners = points[:-1] if closed else points
    if wanted == "rectangle" or (closed and len(corners) == 4):
        found = _rectangle(corners, number, text)
        if found is not None:
            return [found]
    if not closed and kind == "POLYLINE":
        if len(points) == 2:
            line: Kind = "arrow" if wanted == "arrow" else "distance"
            return [Annotation(number, line, tuple(map(as_point, points)), text=text)]
        if len(points) == 3:
            return [Annotation(number, "angle", tuple(map(as_point, points)), text=text)]
    middle = as_point(corners.mean(axis=0))
    said = f"{text}: " if text else ""
    outline = f"{said}outline of {len(corners)} points, shown as its middle"
    return [Annotation(number, "point", (middle,), text=outline)]


def _circle(graphic: Graphic, number: int, text: str) -> Annotation:
    middle, edge = graphic.points
    radius = float(np.linalg.norm(edge - middle))
    right, down = graphic.right, graphic.down
    if right is None or down is None:
        right = _direction(edge - middle)
        down = _across(right)
    corner = radius * (right + down)
    return Annotation(
        number,
        "ellipse",
        (as_point(middle - corner), as_point(middle + corner)),
        as_point(right),
        as_point(down),
        text,
    )


def _ellipse(ends: np.ndarray, number: int, text: str) -> Annotation:
    """Of the ends of one axis and of the other (PS3.3 C.18.6.1.2)."""
    middle = ends.mean(axis=0)
    along, across = (ends[1] - ends[0]) / 2, (ends[3] - ends[2]) / 2
    right = _direction(along)
    # Axes of a valid file are perpendicular; what is left of others is.
    across = across - right * float(across @ right)
    length = float(np.linalg.norm(across))
    down = across / length if length > 1e-9 else _across(right)
    return Annotation(
        number,
        "ellipse",
        (as_point(middle - along - across), as_point(middle + along + across)),
        as_point(right),
        as_point(down),
        text,
    )


def _rectangle(corners: np.ndarray, number: int, text: str) -> Annotation | None:
    """A mark of four corners in order; None where they are none of a rectangle."""
    if len(corners) != 4:
        return None
    across, along = corners[1] - corners[0], corners[3] - corners[0]
    width, height = float(np.linalg.norm(across)), float(np.linalg.norm(along))
    if min(width, height) < 1e-6:
        return None
    off = np.linalg.norm(corners[2] - corners[0] - across - along)
    if off > _SQUARE * (width + height) or abs(across @ along) > _SQUARE * width * height:
        return None
    return Annotation(
        number,
        "rectangle",
        (as_point(corners[0]), as_point(corners[2])),
        as_point(across / width),
        as_point(along / height),
        text,
    )


def _direction(vector: np.ndarray) -> np.ndarray:
    """The unit vector along another; any where that has no length."""
    length = float(np.linalg.norm(vector))
    return vector / length if length > 1e-9 else np.eye(3)[0]


def _across(right: np.ndarray) -> np.ndarray:
    """Any unit vector across another."""
    other = np.eye(3)[int(np.abs(right).argmin())]
    found = np.cross(right, other)
    unit: np.ndarray = found / np.linalg.norm(found)
    return unit
