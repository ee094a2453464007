"""Hatch slices that are missing or not yet read, so that they are not taken for anatomy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtGui import QImage

from fusion3d_gui.imaging.plane import Orientation
from fusion3d_gui.imaging.reslice.slicer import Slice
from fusion3d_gui.imaging.volume import Volume

#: Pixels along the longer side: the stripes' edges need no more.
_SIDE = 512
_STRIPE_PX = 6
_DARK, _LIGHT = 0xFF14181C, 0xFF1E252B


def hatching_image(volume: Volume, orientation: Orientation, piece: Slice) -> QImage | None:
    """Image of stripes over ``piece.rect``, opaque where the plane meets absent slices.

    None where all that the plane shows has been measured and read. ``volume``, ``orientation`` and ``piece``
    are in one space.
    """
    absent = volume.absent
    if not absent.any():
        return None
    rect = piece.rect
    pixel = max(rect.width, rect.height) / _SIDE
    rows, columns = max(1, round(rect.height / pixel)), max(1, round(rect.width / pixel))
    start = orientation.to_lps(
        rect.left + rect.width / columns / 2, rect.top + rect.height / rows / 2, piece.depth_mm
    )
    # The slice number is affine in (row, column).
    to_k = volume.inverse_affine[2]
    per_row = float(to_k[:3] @ orientation.down_lps) * rect.height / rows
    per_column = float(to_k[:3] @ orientation.right_lps) * rect.width / columns
    # Along an axis within the slices, one row or column stands for all.
    row = np.arange(rows if abs(per_row) * rows > 1e-6 else 1)[:, None]
    column = np.arange(columns if abs(per_column) * columns > 1e-6 else 1)[None, :]
    k = np.rint(to_k[:3] @ start + to_k[3] + row * per_row + column * per_column).astype(int)
    inside = (k >= 0) & (k < volume.shape[0])
    unread = inside & absent[k.clip(0, volume.shape[0] - 1)]
    if not unread.any():
        return None
    pixels = np.where(unread, _stripes(rows, columns), np.uint32(0))
    image = QImage(pixels.data, columns, rows, 4 * columns, QImage.Format.Format_ARGB32)
    return image.copy()  # QImage does not keep the array alive


@lru_cache(maxsize=8)
def _stripes(rows: int, columns: int) -> np.ndarray:
    row, column = np.arange(rows)[:, None], np.arange(columns)[None, :]
    return np.where((row + column) // _STRIPE_PX % 2, np.uint32(_LIGHT), np.uint32(_DARK))
