"""``Annotation``: a mark in patient space; its length, angle or area."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from fusion3d_gui.imaging.plane import cross_product

Kind = Literal["distance", "angle", "rectangle", "ellipse", "point", "arrow"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Number of points of each kind.
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

#: Corners of the polygon as which an ellipse is drawn.
_ELLIPSE_CORNERS = 72

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Annotation:
    """One mark of the reader. All positions are mm, LPS.

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
        The reader's own words, or empty.
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
        """Whether the mark encloses an area."""
        return self.kind in REGIONS

    @property
    def name(self) -> str:
        """Name for the screen, e.g. ``"Distance 3"``."""
        return f"{self.kind.capitalize()} {self.number}"

    @property
    def points_lps(self) -> np.ndarray:
        """The points as an array, float64 ``[n, 3]``, mm, LPS."""
        return np.array(self.points, dtype=np.float64)

    @property
    def middle_lps(self) -> np.ndarray:
        """Position to centre the views on: the mean of the points, an angle's vertex, or an arrow's tip."""
        points = self.points_lps
        middle: np.ndarray = points.mean(axis=0)
        if self.kind == "angle":
            middle = points[1]
        elif self.kind == "arrow":
            middle = points[0]
        return middle

    @property
    def half_size_mm(self) -> tuple[float, float]:
        """Half the width and half the height of a region's box, in mm."""
        first, last = self.points_lps
        width = abs(float((last - first) @ np.asarray(self.right)))
        height = abs(float((last - first) @ np.asarray(self.down)))
        return width / 2, height / 2

    @property
    def normal_lps(self) -> np.ndarray:
        """Unit normal (LPS) of a region's plane."""
        return cross_product(np.asarray(self.right, float), np.asarray(self.down, float))

    def outline_lps(self) -> np.ndarray:
        """Corners ``[n, 3]`` (mm, LPS) of a region's outline; an ellipse as a polygon of 72 corners."""
        middle, (a, b) = self.points_lps.mean(axis=0), self.half_size_mm
        if self.kind == "rectangle":
            u, v = np.array([-a, a, a, -a]), np.array([-b, -b, b, b])
        else:
            turn = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
            u, v = a * np.cos(turn), b * np.sin(turn)
        right, down = np.asarray(self.right, float), np.asarray(self.down, float)
        corners: np.ndarray = middle + u[:, None] * right + v[:, None] * down
        return corners

    def axis_ends_lps(self) -> np.ndarray:
        """Ends ``[4, 3]`` (mm, LPS) of an ellipse's longer and then of its shorter axis."""
        middle, (a, b) = self.points_lps.mean(axis=0), self.half_size_mm
        across, along = a * np.asarray(self.right, float), b * np.asarray(self.down, float)
        axes = (across, along) if a >= b else (along, across)
        return np.array([middle + sign * axis for axis in axes for sign in (-1, 1)])

    def box_corners_lps(self) -> np.ndarray:
        """Corners ``[4, 3]`` (mm, LPS) of a region's box, in order; its two points are first and third."""
        first, last = self.points_lps
        across = float((last - first) @ np.asarray(self.right)) * np.asarray(self.right, float)
        return np.stack([first, first + across, last, last - across])

    def moved(self, by_mm: np.ndarray) -> Annotation:
        """The same mark displaced by a vector ``[3]`` (mm, LPS)."""
        return self.with_points(self.points_lps + np.asarray(by_mm))

    def with_points(self, points_lps: np.ndarray) -> Annotation:
        """The same mark with other points, ``[n, 3]`` (mm, LPS)."""
        return replace(self, points=tuple(map(as_point, points_lps)))

    def with_text(self, text: str) -> Annotation:
        """The same mark with another text."""
        return replace(self, text=text)


def as_point(lps_mm: np.ndarray) -> Point:
    """A position ``[3]`` as a tuple of floats."""
    x, y, z = (float(value) for value in lps_mm)
    return x, y, z


def length_mm(annotation: Annotation) -> float:
    """Euclidean distance between the two ends of a distance."""
    first, last = annotation.points_lps
    return float(np.linalg.norm(last - first))


def angle_deg(annotation: Annotation) -> float:
    """Angle at the vertex, 0 to 180 degrees; 0 where an arm has no length.

    By ``atan2(|a x b|, a . b)``, which stays precise near 0 and 180 degrees (W. Kahan, *How Futile are
    Mindless Assessments of Roundoff*, 2006).
    """
    first, vertex, last = annotation.points_lps
    a, b = first - vertex, last - vertex
    return math.degrees(math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b)))


def area_mm2(annotation: Annotation) -> float:
    """Area of a region's figure: width times height, or pi times the product of the half-axes."""
    a, b = annotation.half_size_mm
    return 4 * a * b if annotation.kind == "rectangle" else math.pi * a * b
