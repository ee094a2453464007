"""VOI look-up tables (PS3.3 C.11.2): as a window, with a curve where it is no straight line."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.voi_curve import VoiCurve

#: A table that strays less than this share of its height from a straight line is a window.
_LINEAR_WITHIN = 0.01


def voi_lut_window(table: LookupTable) -> tuple[tuple[float, float], VoiCurve | None]:
    """(centre, width) in real values, and the curve within; None where it is a straight line.

    A straight table is the window that it draws; any other is shown over all of its values.
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
