"""``Gauge``: a probability on a line from 0 to 100 %, with the threshold marked."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.look import theme

_BAR_TOP, _BAR_HEIGHT = 6.0, 8.0


class Gauge(QWidget):
    """A bar filled up to the probability; a labelled tick marks the threshold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._probability = 0.0
        self._threshold = 0.5
        self._live = True
        self._ghost: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Height of the bar and one line of small text."""
        return QSize(200, 38)

    def show_value(
        self, probability: float, threshold: float, *, live: bool, ghost: float | None = None
    ) -> None:
        """Show a probability and a threshold, 0 to 1.

        ``live`` False draws the bar in gray; ``ghost`` marks the prediction behind a what-if probability.
        """
        self._probability, self._threshold, self._live = probability, threshold, live
        self._ghost = ghost
        self.setAccessibleName(
            f"Probability {percent(probability)}, threshold {percent(threshold)}"
        )
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bar, tick and numbers."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        width = float(self.width())
        bar = QRectF(0, _BAR_TOP, width, _BAR_HEIGHT)
        radius = _BAR_HEIGHT / 2
        painter.setBrush(QColor(theme.LINE))
        painter.drawRoundedRect(bar, radius, radius)
        painter.setBrush(QColor(theme.ACCENT if self._live else theme.FAINT))
        filled = max(self._probability * width, _BAR_HEIGHT)
        painter.drawRoundedRect(QRectF(0, _BAR_TOP, filled, _BAR_HEIGHT), radius, radius)
        if self._ghost is not None:
            ghost = min(max(self._ghost * width, radius), width - radius)
            painter.setPen(QPen(QColor(theme.PANEL), 1.5))
            painter.setBrush(QColor(theme.TEXT))
            painter.drawEllipse(QPointF(ghost, _BAR_TOP + radius), radius, radius)
        x = self._threshold * width
        painter.setPen(QPen(QColor(theme.PANEL), 4))
        painter.drawLine(QPointF(x, 1), QPointF(x, _BAR_TOP + _BAR_HEIGHT + 5))
        painter.setPen(QPen(QColor(theme.TEXT), 2))
        painter.drawLine(QPointF(x, 1), QPointF(x, _BAR_TOP + _BAR_HEIGHT + 5))
        self._paint_numbers(painter, x)

    def _paint_numbers(self, painter: QPainter, x: float) -> None:
        painter.setFont(theme.font(theme.SMALL))
        painter.setPen(QColor(theme.MUTED))
        text = f"threshold {percent(self._threshold)}"
        length = painter.fontMetrics().horizontalAdvance(text)
        left = min(max(x - length / 2, 0.0), self.width() - length)
        area = QRectF(0, _BAR_TOP + _BAR_HEIGHT + 5, self.width(), 18)
        flags = Qt.AlignmentFlag
        painter.drawText(QPointF(left, area.bottom() - 5), text)
        painter.setPen(QColor(theme.FAINT))
        if left > 36:
            painter.drawText(area, flags.AlignLeft | flags.AlignVCenter, "0 %")
        if left + length < self.width() - 46:
            painter.drawText(area, flags.AlignRight | flags.AlignVCenter, "100 %")
