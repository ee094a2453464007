"""VOI look-up tables (PS3.3 C.11.2): the window that comes nearest to a table."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom_header import PYDICOM_ERRORS

#: A table that strays less than this share of its height from a straight line is a window.
_LINEAR_WITHIN = 0.01


def window_of_table(item: Dataset) -> tuple[tuple[float, float], bool] | None:
    """((centre, width) in real values, whether the table is just that window); None if unusable.

    A table that is no straight line is fitted by least squares between its 2nd and 98th hundredth.
    """
    try:
        count, first, _ = (int(number) for number in item["LUTDescriptor"].value)
        values = item["LUTData"].value
        if isinstance(values, bytes):
            values = np.frombuffer(values, "<u2")
        table = np.asarray(values, dtype=np.float64).ravel()
    except (*PYDICOM_ERRORS,):
        return None
    count = count or 65536
    if not 2 <= count <= 65536 or len(table) < count:
        return None
    table = table[:count]
    low, high = float(table.min()), float(table.max())
    if high <= low:
        return None
    share = (table - low) / (high - low)
    inner = (share > 0.02) & (share < 0.98)
    if inner.sum() < 2:
        edge = first + int(np.argmax(share >= 0.5))
        return (edge - 0.5, 1.0), False
    x = first + np.flatnonzero(inner)
    slope, offset = np.polyfit(x, share[inner], 1)
    if slope <= 0:
        return None
    line = np.clip(slope * (first + np.arange(count)) + offset, 0, 1)
    linear = bool(np.abs(line - share).max() <= _LINEAR_WITHIN)
    return ((0.5 - offset) / slope, 1.0 / slope), linear
