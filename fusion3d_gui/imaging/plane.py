"""Planes in patient space: ``Orientation``, ``Rect`` (a rectangle on screen) and ``Plane`` (a grid of pixels).

Radiological convention throughout: on axial and coronal planes the patient's right is on the
screen's left; on a sagittal plane anterior is on the left; superior is up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Orientation:
    """A family of parallel planes along patient axes, and how they lie on screen.

    *Screen millimetres* (u, v) grow to the screen's right and down: ``u = right_sign * lps[right]``,
    ``v = down_sign * lps[down]``.

    Parameters
    ----------
    name
        For the screen, e.g. ``"Axial"``.
    right, down
        Patient axes (0: L, 1: P, 2: S) along the screen's right and down.
    right_sign, down_sign
        1 where the screen direction points to +L, +P or +S, else -1.
    depth
        The patient axis that leads from plane to plane.
    forward_sign
        Sign of the step along ``depth`` that one turn of the wheel forward makes (to superior,
        anterior, left).
    """

    name: str
    right: int
    right_sign: int
    down: int
    down_sign: int
    depth: int
    forward_sign: int

    def to_screen(self, lps_mm: np.ndarray) -> np.ndarray:
        """Screen millimetres (u, v) of patient position(s) ``(..., 3)``."""
        lps_mm = np.asarray(lps_mm, dtype=np.float64)
        signs = (self.right_sign, self.down_sign)
        screen: np.ndarray = lps_mm[..., (self.right, self.down)] * signs
        return screen

    def to_lps(self, u_mm: float, v_mm: float, depth_mm: float) -> np.ndarray:
        """Patient position ``[3]`` (mm, LPS) of screen millimetres on the plane at ``depth_mm``."""
        lps = np.empty(3)
        lps[self.right] = self.right_sign * u_mm
        lps[self.down] = self.down_sign * v_mm
        lps[self.depth] = depth_mm
        return lps

    def flipped(self) -> Orientation:
        """The same planes with left and right of the screen exchanged."""
        return replace(self, right_sign=-self.right_sign)

    def rotated(self) -> Orientation:
        """The same planes with the image rotated clockwise by 90 degrees."""
        return replace(
            self,
            right=self.down,
            right_sign=-self.down_sign,
            down=self.right,
            down_sign=self.right_sign,
        )

    @property
    def right_lps(self) -> np.ndarray:
        """Unit vector (LPS) to the screen's right."""
        vector: np.ndarray = self.right_sign * np.eye(3)[self.right]
        return vector

    @property
    def down_lps(self) -> np.ndarray:
        """Unit vector (LPS) down the screen."""
        vector: np.ndarray = self.down_sign * np.eye(3)[self.down]
        return vector


AXIAL = Orientation("Axial", right=0, right_sign=1, down=1, down_sign=1, depth=2, forward_sign=1)
CORONAL = Orientation(
    "Coronal", right=0, right_sign=1, down=2, down_sign=-1, depth=1, forward_sign=-1
)
SAGITTAL = Orientation(
    "Sagittal", right=1, right_sign=1, down=2, down_sign=-1, depth=0, forward_sign=1
)
ORIENTATIONS = (AXIAL, CORONAL, SAGITTAL)


@dataclass(frozen=True)
class Rect:
    """A rectangle in screen millimetres; its sides are the outer edges of the outer pixels."""

    left: float
    top: float
    width: float
    height: float

    def intersection(self, other: Rect) -> Rect:
        """The part that both cover; a strip along this one's edge, at most 0.001 mm wide, where they don't meet."""
        left = min(max(self.left, other.left), self.left + self.width)
        top = min(max(self.top, other.top), self.top + self.height)
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        least = 1e-3 * min(1.0, self.width, self.height)
        return Rect(left, top, max(right - left, least), max(bottom - top, least))


def cross_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product of two vectors ``[3]``.

    Called many times in a paint: 0.8 µs against 80 of ``np.cross``, which is made for arrays of vectors.
    """
    (a0, a1, a2), (b0, b1, b2) = a.tolist(), b.tolist()
    return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])


@dataclass(frozen=True, eq=False)
class Plane:
    """A grid of pixels in patient space.

    Parameters
    ----------
    origin_lps
        Patient position (mm) of the centre of pixel (row 0, column 0).
    right_step, down_step
        Vectors (mm, LPS) from a pixel to its right and to its lower neighbour.
    shape
        Number of (rows, columns).
    """

    origin_lps: np.ndarray
    right_step: np.ndarray
    down_step: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def covering(
        cls, orientation: Orientation, rect: Rect, depth_mm: float, shape: tuple[int, int]
    ) -> Plane:
        """The plane at ``depth_mm`` whose (rows, columns) pixels fill ``rect`` exactly."""
        rows, columns = shape
        width, height = rect.width / columns, rect.height / rows
        return cls(
            orientation.to_lps(rect.left + width / 2, rect.top + height / 2, depth_mm),
            orientation.right_lps * width,
            orientation.down_lps * height,
            shape,
        )

    def shifted(self, by_lps: np.ndarray) -> Plane:
        """The same grid displaced by a vector ``[3]`` (mm, LPS)."""
        return replace(self, origin_lps=self.origin_lps + by_lps)

    def to_lps(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Patient positions ``(..., 3)`` (mm, LPS) of pixels, whose indices may be fractional."""
        rows, columns = np.broadcast_arrays(rows, columns)
        positions: np.ndarray = (
            self.origin_lps
            + columns[..., None] * self.right_step
            + rows[..., None] * self.down_step
        )
        return positions


def spatial_letters(direction_lps: np.ndarray) -> str:
    """Anatomical letters of a direction in LPS, strongest first: ``"L"``, or ``"LA"`` when oblique.

    Axes to which it leans by less than 20 degrees are left out, as in other viewers.
    """
    direction = np.asarray(direction_lps, dtype=np.float64)
    norm = np.linalg.norm(direction)
    if norm == 0:
        raise ValueError("a direction needs a length")
    direction = direction / norm
    letters = ""
    for axis in np.argsort(-np.abs(direction), kind="stable"):
        if abs(direction[axis]) > np.sin(np.deg2rad(20)):
            letters += "RAI"[axis] if direction[axis] < 0 else "LPS"[axis]
    return letters
