"""``Viewpoint``: from where, how large, in which values and cut by which plane a volume is drawn in 3D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.reslice.clip import ClipPlane


@dataclass(frozen=True, eq=False)
class Translucency:
    """How a graphics card draws a volume translucent.

    Parameters
    ----------
    table
        uint32 ``[256]``: RGB of the values from the viewpoint's ``low`` to ``high``, and in the highest byte the square
        root of the opacity of a millimetre (small ones need finer steps than 1/255).
    edges
        How much of the opacity only boundaries have, 0 to 1.
    strongest
        The gradient (stored values a millimetre) of the strongest boundaries.
    """

    table: np.ndarray
    edges: float
    strongest: float


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
    translucency
        None: a surface or a maximum intensity projection.
    """

    right_lps: np.ndarray
    down_lps: np.ndarray
    middle_lps: np.ndarray
    px_per_mm: float
    low: float
    high: float
    surface_value: float | None
    clip: ClipPlane | None
    translucency: Translucency | None = None
