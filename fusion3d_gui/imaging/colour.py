"""``gray_of_rgb``: the luminance of colours, since a volume has one value for each voxel."""

from __future__ import annotations

import numpy as np

#: Red, green and blue in ITU-R BT.601, as in YBR_FULL (DICOM PS3.3 C.7.6.3.1.2).
LUMINANCE_WEIGHTS = np.array([0.299, 0.587, 0.114])

COLOURS_ARE_GRAY = "Colours are shown as their luminance."


def gray_of_rgb(colours: np.ndarray) -> np.ndarray:
    """Luminance of ``[..., 3]`` red, green and blue, in their integer type."""
    gray: np.ndarray = np.rint(colours @ LUMINANCE_WEIGHTS).astype(colours.dtype)
    return gray
