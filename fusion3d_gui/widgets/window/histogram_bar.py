"""``HistogramBar``: how often values occur, and the window over them, its ends to be dragged."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QLinearGradient,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QWidget

from fusion3d_gui.imaging.display.window_level import value_histogram
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.widgets.look import theme

_GRIP_REACH = 7.0


class HistogramBar(QWidget):
    """Dragging an end moves it, dragging between them moves both."""

    def __init__(self, window_level: WindowLevel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = window_level
        self._heights = np.zeros(0)
        self._low, self._high = 0.0, 1.0
        self._held: str | None = None
        self._from = 0.0
        self._uncounted: Volume | None = None
        # In a turn of the event loop of its own: a scan that arrives has enough to do in its.
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.timeout.connect(self._count)
        self.setFixedSize(170, 32)
        self.setMouseTracking(True)
        self.setAccessibleName("Histogram with the window's ends")
        self.setToolTip("Drag the ends of the window, or all of it")
        window_level.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """One line high."""
        return QSize(170, 32)

    def set_volume(self, volume: Volume | None) -> None:
        """Show another volume's values, as soon as they are counted."""
        self._uncounted = volume
        if volume is None:
            self._heights = np.zeros(0)
            self.update()
        else:
            self._counting.start(0)

    def _count(self) -> None:
        volume, self._uncounted = self._uncounted, None
        if volume is not None:
            counts, self._low, self._high = value_histogram(volume, bins=self.width() // 2)
            # Background would dwarf all else.
            self._heights = np.log1p(counts)
            self.update()

    # -- values and pixels --------------------------------------------------------------------

    def _x(self, value: float) -> float:
        return (value - self._low) / (self._high - self._low) * self.width()

    def _value(self, x: float) -> float:
        return self._low + x / self.width() * (self._high - self._low)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the counts, brightened as the window brightens them, and the window's two ends."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = float(self.width()), float(self.height())
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.RAISED))
        painter.drawRoundedRect(QRectF(0, 0, width, height), 5, 5)
        if not self._heights.size or self._heights.max() <= 0:
            return
        window = self._state.window
        left, right = self._x(window.low), self._x(window.high)
        step = width / self._heights.size
        tops = height - 3 - self._heights / self._heights.max() * (height - 8)
        points = [
            QPointF(0, height),
            *(QPointF((n + 0.5) * step, top) for n, top in enumerate(tops)),
            QPointF(width, height),
        ]
        shades = QLinearGradient(left, 0, max(right, left + 1), 0)
        dark, bright = QColor(theme.FAINT), QColor(theme.TEXT)
        dark.setAlpha(110)
        shades.setColorAt(0, dark)
        shades.setColorAt(1, bright)
        painter.setBrush(shades)
        painter.drawPolygon(QPolygonF(points))
        painter.setPen(QPen(QColor(theme.ACCENT), 2))
        for x in (left, right):
            inside = min(max(x, 2.0), width - 2.0)
            painter.drawLine(QPointF(inside, 2), QPointF(inside, height - 2))

    # -- mouse --------------------------------------------------------------------------------

    def _grip_at(self, x: float) -> str | None:
        window = self._state.window
        left = abs(min(max(self._x(window.low), 0), self.width()) - x)
        right = abs(min(max(self._x(window.high), 0), self.width()) - x)
        if min(left, right) <= _GRIP_REACH:
            return "low" if left < right else "high"
        return "both" if self._x(window.low) < x < self._x(window.high) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of an end, or of both."""
        if self._heights.size and event.button() == Qt.MouseButton.LeftButton:
            self._from = event.position().x()
            self._held = self._grip_at(self._from)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow; show what a press would take hold of."""
        x = event.position().x()
        if self._held is None:
            over = self._grip_at(x) if self._heights.size else None
            shapes = {None: Qt.CursorShape.ArrowCursor, "both": Qt.CursorShape.SizeAllCursor}
            self.setCursor(shapes.get(over, Qt.CursorShape.SizeHorCursor))
            return
        window = self._state.window
        least = (self._high - self._low) / 500
        if self._held == "low":
            edges = min(self._value(x), window.high - least), window.high
        elif self._held == "high":
            edges = window.low, max(self._value(x), window.low + least)
        else:
            shift = self._value(x) - self._value(self._from)
            edges = window.low + shift, window.high + shift
        self._state.set_window(window.reshaped(sum(edges) / 2, edges[1] - edges[0]))
        self._from = x

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go."""
        self._held = None
