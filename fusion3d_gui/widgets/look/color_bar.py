"""``ColorBar``: the heatmap's colour scale with its numbers and the threshold."""

from __future__ import annotations

from functools import cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QTransform
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.widgets.look import theme

_HEIGHT = 10


class ColorBar(QWidget):
    """The colour map from zero to the heatmap's peak, blank below the threshold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._threshold = 0.0
        self._top: float | None = None
        self._kept = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._colors = "Inferno"

    def sizeHint(self) -> QSize:
        """One strip and one line of small text."""
        return QSize(200, _HEIGHT + 22)

    def show_scale(
        self, threshold: float, colors: str, top: float | None = None, kept: bool = False
    ) -> None:
        """Set the scale.

        Parameters
        ----------
        threshold
            Share of the scale's top.
        colors
            Name of the colour map.
        top
            Value at the top, in units of the logit; None for a map without a unit, or none.
        kept
            Whether the scale is kept for all maps; else its top is the map's peak.
        """
        self._threshold, self._colors, self._top, self._kept = threshold, colors, top, kept
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the strip, its ends and the threshold's tick."""
        painter = QPainter(self)
        width = float(self.width())
        painter.setOpacity(1.0 if self.isEnabled() else 0.35)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.fillRect(QRectF(0, 0, width, _HEIGHT), QColor(theme.RAISED))
        x = self._threshold * width
        source = QRectF(self._threshold * 256, 0, (1 - self._threshold) * 256, 1)
        painter.drawImage(QRectF(x, 0, width - x, _HEIGHT), _strip(self._colors), source)
        painter.setPen(QPen(QColor(theme.LINE), 1))
        painter.drawRect(QRectF(0.5, 0.5, width - 1, _HEIGHT - 1))
        painter.setPen(QPen(QColor(theme.TEXT), 1))
        painter.drawLine(QPointF(x + 0.5, 0), QPointF(x + 0.5, _HEIGHT + 3))
        painter.setFont(theme.font(theme.SMALL))
        area = QRectF(0, _HEIGHT + 4, width, 18)
        flags = Qt.AlignmentFlag
        painter.setPen(QColor(theme.MUTED))
        painter.drawText(area, flags.AlignLeft | flags.AlignTop, "0")
        middle, end = "50 %", "100 % = peak"
        if self._top is not None:
            middle = f"{self._top / 2:.2g}"
            end = f"{logit_text(self._top)}, {'kept scale' if self._kept else 'peak'}"
        painter.drawText(area, flags.AlignRight | flags.AlignTop, end)
        painter.drawText(area, flags.AlignHCenter | flags.AlignTop, middle)


def logit_text(value: float) -> str:
    """Format a value of a heatmap with its unit: ``"0.013 logit"``."""
    return f"{value:.2g} logit"


@cache
def _strip(colors: str) -> QImage:
    rgb = heatmap_colors(colors).astype(np.uint32)
    pixels = 0xFF000000 | (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]
    row = np.ascontiguousarray(pixels.reshape(1, 256).astype(np.uint32))
    return QImage(row.data, 256, 1, 1024, QImage.Format.Format_RGB32).copy()


@cache
def color_strip(colors: str) -> QImage:
    """Return a colour map's 256 colours as an image one pixel wide, the peak's on top."""
    return _strip(colors).transformed(QTransform().rotate(-90))
