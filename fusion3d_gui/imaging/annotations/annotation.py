"""``Annotation``: what a reader marks on a scan, in patient space; lengths, angles and areas of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from fusion3d_gui.imaging.plane import cross_product

Kind = Literal["distance", "angle", "rectangle", "ellipse", "point", "arrow"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: How many points each kind is made of.
POINT_COUNT: dict[Kind, int] = {
    "distance": 2,
    "angle": 3,
    "rectangle": 2,
    "ellipse": 2,
    "point": 1,
    "arrow": 2,
}
#: Kinds that enclose an area.
REGIONS: tuple[Kind, ...] = ("rectangle", "ellipse")

#: An ellipse is drawn and cut as a polygon of so many corners.
_ELLIPSE_CORNERS = 72

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Annotation:
    """One mark. All positions are mm, LPS.

    Parameters
    ----------
    number
        Counts from 1 within a case and never changes.
    kind
        ``distance``: two ends. ``angle``: end, vertex, end. ``rectangle``, ``ellipse``: two opposite
        corners of the box. ``point``: itself. ``arrow``: tip, tail.
    points
        As many as the kind needs.
    right, down
        Orthogonal unit vectors (LPS) of the plane in which a region was drawn: its box's sides run
        along them. Empty for the other kinds.
    text
        What the reader wrote, or empty.
    """

    number: int
    kind: Kind
    points: tuple[Point, ...]
    right: Point | tuple[()] = ()
    down: Point | tuple[()] = ()
    text: str = ""

    def __post_init__(self) -> None:
        if len(self.points) != POINT_COUNT[self.kind]:
            raise ValueError(f"{self.kind} needs {POINT_COUNT[self.kind]} points")
        if self.is_region and (len(self.right) != 3 or len(self.down) != 3):
            raise ValueError(f"{self.kind} needs the directions of its plane")

    @property
    def is_region(self) -> bool:
        """Whether it encloses an area."""
        return self.kind in REGIONS

    @property
    def name(self) -> str:
        """E.g. ``"Distance 3"``."""
        return f"{self.kind.capitalize()} {self.number}"

    @property
    def points_lps(self) -> np.ndarray:
        """Its points, ``[n, 3]`` mm LPS."""
        return np.array(self.points, dtype=np.float64)

    @property
    def middle_lps(self) -> np.ndarray:
        """Where to look at it: the mean of its points (of an angle, its vertex; of an arrow, its tip)."""
        points = self.points_lps
        if self.kind == "angle":
            return points[1]
        return points[0] if self.kind == "arrow" else points.mean(axis=0)

    @property
    def half_size_mm(self) -> tuple[float, float]:
        """Half the width and half the height of a region's box."""
        first, last = self.points_lps
        width = abs(float((last - first) @ np.asarray(self.right)))
        height = abs(float((last - first) @ np.asarray(self.down)))
        return width / 2, height / 2

    @property
    def normal_lps(self) -> np.ndarray:
        """Unit vector (LPS) across a region's plane."""
        return cross_product(np.asarray(self.right, float), np.asarray(self.down, float))

    def outline_lps(self) -> np.ndarray:
        """Corners ``[n, 3]`` (mm LPS) of a region's outline, an ellipse as a fine polygon."""
        middle, (a, b) = self.points_lps.mean(axis=0), self.half_size_mm
        if self.kind == "rectangle":
            u, v = np.array([-a, a, a, -a]), np.array([-b, -b, b, b])
        else:
            turn = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
            u, v = a * np.cos(turn), b * np.sin(turn)
        right, down = np.asarray(self.right, float), np.asarray(self.down, float)
        return middle + u[:, None] * right + v[:, None] * down

    def box_corners_lps(self) -> np.ndarray:
        """The four corners ``[4, 3]`` (mm LPS) of a region's box, the two given ones first and third."""
        first, last = self.points_lps
        across = float((last - first) @ np.asarray(self.right)) * np.asarray(self.right, float)
        return np.stack([first, first + across, last, last - across])

    def moved(self, by_mm: np.ndarray) -> Annotation:
        """The same mark elsewhere."""
        return self.with_points(self.points_lps + np.asarray(by_mm))

    def with_points(self, points_lps: np.ndarray) -> Annotation:
        """The same mark with other points, ``[n, 3]`` mm LPS."""
        return replace(self, points=tuple(map(as_point, points_lps)))

    def with_text(self, text: str) -> Annotation:
        """The same mark with other words."""
        return replace(self, text=text)


def as_point(lps_mm: np.ndarray) -> Point:
    """A position as plain numbers."""
    x, y, z = (float(value) for value in lps_mm)
    return x, y, z


def length_mm(annotation: Annotation) -> float:
    """Euclidean distance in the patient between the ends of a distance."""
    first, last = annotation.points_lps
    return float(np.linalg.norm(last - first))


def angle_deg(annotation: Annotation) -> float:
    """Angle at the vertex, 0 to 180 degrees; 0 where an arm has no length.

    ``atan2(|a x b|, a . b)``, which keeps its precision near 0 and 180 degrees (W. Kahan, *How
    Futile are Mindless Assessments of Roundoff*, 2006).
    """
    first, vertex, last = annotation.points_lps
    a, b = first - vertex, last - vertex
    return math.degrees(math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b)))


def area_mm2(annotation: Annotation) -> float:
    """Geometric area of a region: width times height, or pi times the half-axes."""
    a, b = annotation.half_size_mm
    return 4 * a * b if annotation.kind == "rectangle" else math.pi * a * b
