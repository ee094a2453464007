"""``ColorBar``: the heatmap's colour scale with its numbers and the threshold."""

from __future__ import annotations

from functools import cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QTransform
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_map import heatmap_colors

_HEIGHT = 10


class ColorBar(QWidget):
    """The colour map from zero to the heatmap's peak, blank below the threshold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._threshold = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._colors = "Inferno"

    def sizeHint(self) -> QSize:
        """One strip and one line of small text."""
        return QSize(200, _HEIGHT + 22)

    def show_scale(self, threshold: float, colors: str) -> None:
        """Set the threshold (share of the peak) and the colour map by name."""
        self._threshold, self._colors = threshold, colors
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
        painter.drawText(area, flags.AlignRight | flags.AlignTop, "100 % = peak")
        painter.drawText(area, flags.AlignHCenter | flags.AlignTop, "50 %")


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
