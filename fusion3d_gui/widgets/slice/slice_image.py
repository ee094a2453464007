"""Convert gray levels and heatmap levels to QImages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtGui import QColor, QImage

from fusion3d_gui.imaging.display.window import Window, gray_table, to_gray
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.look.reused_array import ReusedArray

#: Gray levels as opaque RGB: Qt scales this format several times faster than 8-bit gray.
GRAYS = np.arange(256, dtype=np.uint32) * 0x010101 | 0xFF000000


class GrayRenderer:
    """Convert stored values to images under one window level and one colour map.

    Parameters
    ----------
    colors
        uint32 ``[256]`` opaque RGB of the gray levels.
    """

    def __init__(self, volume: Volume, window: Window, colors: np.ndarray = GRAYS) -> None:
        self._volume, self._window, self._colors = volume, window, colors
        table = gray_table(volume, window)
        self._table = None if table is None else colors[table]

    def image(self, stored: np.ndarray, buffer: ReusedArray | None = None) -> QImage:
        """Colour the values, in ``buffer`` if given; NaN (outside the volume) is black in every colour map."""
        pixels = (buffer or ReusedArray()).array(stored.shape, np.uint32)
        table = self._table
        if table is not None and stored.dtype == self._volume.voxels.dtype:
            bits = stored.view(f"u{stored.dtype.itemsize}")
            # "wrap" spares numpy a check, and a copy: no index can be out of the table.
            return rgb_image(table.take(bits, out=pixels, mode="wrap"))
        grays = to_gray(stored, self._volume, self._window)
        self._colors.take(grays, out=pixels, mode="wrap")
        if stored.dtype.kind == "f":
            pixels[np.isnan(stored)] = 0xFF000000
        return rgb_image(pixels)


def rgb_image(pixels: np.ndarray) -> QImage:
    """Wrap uint32 ``[row, column]`` pixels as an opaque image."""
    return _image(pixels, QImage.Format.Format_RGB32)


def overlay_image(levels: np.ndarray, lut: np.ndarray, buffer: ReusedArray | None = None) -> QImage:
    """Colour uint8 heatmap levels (0 none, 255 its peak), premultiplied, in ``buffer`` if given."""
    pixels = (buffer or ReusedArray()).array(levels.shape, np.uint32)
    lut.take(levels, out=pixels, mode="wrap")
    return _image(pixels, QImage.Format.Format_ARGB32_Premultiplied)


def contour_image(
    levels: np.ndarray, shares: Sequence[float], lut: np.ndarray, width_px: int
) -> QImage:
    """Draw contours where heatmap levels cross the given shares of the peak, in the colours there."""
    band = np.searchsorted(np.asarray(shares) * 255.0, levels, side="right").astype(np.uint8)
    highest = _largest_nearby(band, max(1, width_px // 2))
    # A contour is where the neighbourhood reaches a higher band than the pixel's own.
    edge = highest > band
    marks = np.array([0, *(round(255 * share) for share in shares)], dtype=np.uint8)
    return overlay_image(np.where(edge, marks[highest], 0).astype(np.uint8), lut)


def mask_image(inside: np.ndarray, color: QColor, opacity: float, width_px: int) -> QImage:
    """Draw a mask (bool): its area at this opacity (0 to 1), and an opaque outline around it."""
    levels = inside.astype(np.uint8)
    edge = _largest_nearby(levels, max(1, width_px // 2)) > levels
    parts = color.red(), color.green(), color.blue()
    red, green, blue = (round(each * opacity) for each in parts)
    alpha = round(255 * opacity)
    fill = alpha << 24 | red << 16 | green << 8 | blue  # premultiplied
    lut = np.array([0, fill, color.rgba()], dtype=np.uint32)
    return overlay_image(levels + 2 * edge, lut)


def _largest_nearby(levels: np.ndarray, reach_px: int) -> np.ndarray:
    """Return for each pixel the largest value up to ``reach_px`` rows and columns away."""
    rows, columns = levels.shape
    wide = np.pad(levels, reach_px)
    shifts = range(2 * reach_px + 1)
    along = np.maximum.reduce([wide[shift : shift + rows] for shift in shifts])
    largest: np.ndarray = np.maximum.reduce([along[:, shift : shift + columns] for shift in shifts])
    return largest


def _image(pixels: np.ndarray, form: QImage.Format) -> QImage:
    pixels = np.ascontiguousarray(pixels)
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, form)
    # QImage does not keep the array alive; what is drawn once need not be copied.
    image.pixels = pixels  # type: ignore[attr-defined]
    return image
