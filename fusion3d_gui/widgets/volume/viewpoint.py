"""``Viewpoint``: from where, how large and in which values a volume is drawn in 3D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """An orthographic view of a volume.

    Parameters
    ----------
    right_lps, down_lps
        Unit vectors ``[3]`` (LPS) along the screen.
    middle_lps
        The position ``[3]`` (mm, LPS) in the middle of the image.
    px_per_mm
        Device pixels per millimetre.
    low, high
        Stored values shown as black and white in a maximum intensity projection.
    surface_value
        Stored value at which a ray meets the surface; None for a maximum intensity projection.
    """

    right_lps: np.ndarray
    down_lps: np.ndarray
    middle_lps: np.ndarray
    px_per_mm: float
    low: float
    high: float
    surface_value: float | None
