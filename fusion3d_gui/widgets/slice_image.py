"""Slices and heatmaps as QImages, ready to be drawn at their place in millimetres."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from fusion3d_gui.imaging.plane import Orientation, Plane, Slice, sample
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.imaging.window import Window, to_gray
from fusion3d_gui.inference.prediction import Heatmap

#: Gray levels as opaque RGB: Qt scales this format several times faster than 8-bit gray.
_GRAY = np.arange(256, dtype=np.uint32) * 0x010101 | 0xFF000000

#: Pixels along the longer side of a sampled heatmap: finer than any map's grid needs.
_OVERLAY_SIDE = 384


def slice_image(piece: Slice, volume: Volume, window: Window) -> QImage:
    """The slice in gray under a window; outside the volume it is black."""
    return _image(_GRAY[to_gray(piece.values, volume, window)], QImage.Format.Format_RGB32)


def overlay_image(
    heatmap: Heatmap, orientation: Orientation, piece: Slice, lut: np.ndarray
) -> QImage:
    """The heatmap on the slice's plane, sampled trilinearly from its own grid, in colour.

    ``lut`` is :func:`~fusion3d_gui.widgets.color_map.overlay_lut`.
    """
    rect = piece.rect
    pixel = max(rect.width, rect.height) / _OVERLAY_SIDE
    shape = max(1, round(rect.height / pixel)), max(1, round(rect.width / pixel))
    plane = Plane.covering(orientation, rect, piece.depth_mm, shape)
    share = sample(heatmap.as_volume, plane) * np.float32(255.0 / max(heatmap.peak, 1e-30))
    level = np.clip(np.nan_to_num(share, nan=0.0), 0.0, 255.0).astype(np.uint8)
    return _image(lut[level], QImage.Format.Format_ARGB32_Premultiplied)


def _image(pixels: np.ndarray, form: QImage.Format) -> QImage:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    # A copy, for QImage does not keep the array alive.
    return QImage(pixels.data, width, height, 4 * width, form).copy()
