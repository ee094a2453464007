"""``ScreenPlane``: position and orientation in the patient of the plane that a view shows. No Qt in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fusion3d_gui.imaging.plane import cross_product


@dataclass(frozen=True, eq=False)
class ScreenPlane:
    """A plane in any direction, as a slab of ``thickness_mm`` centred on it.

    Parameters
    ----------
    origin_lps
        Any point of the plane, mm LPS.
    right_lps, down_lps
        Orthogonal unit vectors (LPS): where the screen's right and down point.
    thickness_mm
        What the view shows of the patient at once: the distance between slices, or the slab.
    """

    origin_lps: np.ndarray
    right_lps: np.ndarray
    down_lps: np.ndarray
    thickness_mm: float

    @cached_property
    def normal_lps(self) -> np.ndarray:
        """Unit vector (LPS) away from the reader."""
        return cross_product(self.right_lps, self.down_lps)

    def distance_mm(self, lps_mm: np.ndarray) -> np.ndarray:
        """Signed distance of position(s) ``(..., 3)`` from the plane, positive behind it."""
        offset: np.ndarray = np.asarray(lps_mm, dtype=np.float64) - self.origin_lps
        distance: np.ndarray = offset @ self.normal_lps
        return distance

    def project(self, lps_mm: np.ndarray) -> np.ndarray:
        """The nearest position(s) ``(..., 3)`` on the plane, mm LPS."""
        position: np.ndarray = np.asarray(lps_mm, dtype=np.float64)
        along: np.ndarray = np.asarray(self.distance_mm(position))[..., None] * self.normal_lps
        projected: np.ndarray = position - along
        return projected
