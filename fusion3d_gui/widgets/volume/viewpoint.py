"""``Viewpoint``: from where, how large, in which values and cut by which plane a volume is drawn in 3D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.reslice.clip import ClipPlane


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
        Stored values shown as black and white in a maximum intensity projection and on the face of a cut.
    surface_value
        Stored value at which a ray meets the surface; None for a maximum intensity projection.
    clip
        What lies beyond this plane is not drawn; None: everything is.
    """

    right_lps: np.ndarray
    down_lps: np.ndarray
    middle_lps: np.ndarray
    px_per_mm: float
    low: float
    high: float
    surface_value: float | None
    clip: ClipPlane | None
