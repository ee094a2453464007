"""``ClipPlane``: shows only the part of a volume that lies on one side of a plane in patient space."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np


@dataclass(frozen=True)
class ClipPlane:
    """What lies beyond the plane is not drawn: positions with ``normal_lps @ position > offset_mm``.

    Parameters
    ----------
    normal_lps
        Unit vector (LPS) towards the part that is cut away.
    offset_mm
        Position (mm) of the plane along it.
    """

    normal_lps: tuple[float, float, float]
    offset_mm: float

    def beyond_mm(self, lps_mm: np.ndarray) -> np.ndarray:
        """How far beyond the plane positions (mm, LPS, ``[..., 3]``) lie; negative: in the part that is drawn."""
        beyond: np.ndarray = np.asarray(lps_mm) @ np.array(self.normal_lps) - self.offset_mm
        return beyond


class Side(Enum):
    """The sides of the patient from which a plane cuts; values are unit vectors (LPS) towards them."""

    FRONT = (0.0, -1.0, 0.0)
    BACK = (0.0, 1.0, 0.0)
    LEFT = (1.0, 0.0, 0.0)
    RIGHT = (-1.0, 0.0, 0.0)
    TOP = (0.0, 0.0, 1.0)
    BOTTOM = (0.0, 0.0, -1.0)

    def extent_mm(self, low_lps: np.ndarray, high_lps: np.ndarray) -> float:
        """Size (mm) along this direction of a box between two corners."""
        return float(np.abs(np.array(self.value)) @ (np.asarray(high_lps) - np.asarray(low_lps)))

    def plane(self, low_lps: np.ndarray, high_lps: np.ndarray, depth_mm: float) -> ClipPlane:
        """The plane that cuts ``depth_mm`` away from this side of a box between two corners (mm, LPS)."""
        normal = np.array(self.value)
        outermost = float(np.maximum(normal * low_lps, normal * high_lps).sum())
        return ClipPlane(self.value, outermost - depth_mm)
