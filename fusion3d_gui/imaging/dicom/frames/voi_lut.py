"""VOI lookup tables (PS3.3 C.11.2) as a window, with a curve where they are not linear."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.voi_curve import VoiCurve

#: A table within this share of its height from a straight line is an ordinary window.
_LINEAR_WITHIN = 0.01


def voi_lut_window(table: LookupTable) -> tuple[tuple[float, float], VoiCurve | None]:
    """The window that shows values as a VOI LUT does.

    Returns
    -------
    window : tuple of float
        (centre, width) in real values: of the line that a linear table draws; of any other, the
        range of all its values.
    curve : VoiCurve or None
        Brightness within the window; None where it is linear.
    """
    shares = table.entries / table.highest
    whole = table.first + (len(shares) - 1) / 2, float(len(shares) - 1)
    inner = (shares > 0.02) & (shares < 0.98)
    if inner.sum() < 2:
        return whole, VoiCurve.from_table(table.entries, table.highest)
    values = table.first + np.arange(len(shares))
    slope, offset = np.polyfit(values[inner], shares[inner], 1)
    line = np.clip(slope * values + offset, 0, 1)
    if slope <= 0 or np.abs(line - shares).max() > _LINEAR_WITHIN:
        return whole, VoiCurve.from_table(table.entries, table.highest)
    return ((0.5 - offset) / slope, 1.0 / slope), None
