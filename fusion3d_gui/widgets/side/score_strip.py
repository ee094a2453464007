"""``ScoreStrip``: how validation cases of either class scored, with this case's place among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.look import theme

_BINS, _ROW, _NAME = 40, 34, 15


class ScoreStrip(QWidget):
    """Two histograms over 0 to 100 %, one a class, each to its own height."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, np.ndarray]] = []
        self._chance = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Two rows with their names, over one line of percentages."""
        return QSize(200, theme.px((_ROW + _NAME) * 2 + _NAME))

    def show_scores(
        self, names: Sequence[str], scores: Sequence[np.ndarray], chance: float
    ) -> None:
        """Probabilities (0..1) of validation cases by class, and this case's own."""
        self._rows = [
            (f"{name} ({len(values)} cases)", np.histogram(values, _BINS, (0, 1))[0])
            for name, values in zip(names, scores, strict=True)
        ]
        self._chance = chance
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw both histograms and the line through them."""
        painter = QPainter(self)
        painter.setFont(theme.font(theme.SMALL))
        step = self.width() / _BINS
        flags = Qt.AlignmentFlag
        for number, (name, counts) in enumerate(self._rows):
            top = number * theme.px(_ROW + _NAME)
            painter.setPen(QColor(theme.FAINT))
            place = QRectF(0, top, self.width(), theme.px(_NAME))
            painter.drawText(place, flags.AlignLeft | flags.AlignVCenter, name)
            bottom = top + theme.px(_NAME + _ROW) - 4
            tallest = max(int(counts.max()), 1)
            color = QColor(theme.WARNING if number else theme.ACCENT)
            color.setAlphaF(0.75)
            for place_number, count in enumerate(counts):
                height = count / tallest * (theme.px(_ROW) - 6)
                bar = QRectF(place_number * step, bottom - height, max(step - 1, 1), height)
                painter.fillRect(bar, color)
            painter.setPen(QPen(QColor(theme.LINE), 1))
            painter.drawLine(QPointF(0, bottom), QPointF(self.width(), bottom))
        x = self._chance * self.width()
        painter.setPen(QPen(QColor(theme.TEXT), 2))
        below = theme.px((_ROW + _NAME) * 2) - 4
        painter.drawLine(QPointF(x, theme.px(_NAME)), QPointF(x, below))
        self._paint_percentages(painter, x, QRectF(0, below, self.width(), theme.px(_NAME)))

    def _paint_percentages(self, painter: QPainter, x: float, area: QRectF) -> None:
        """This case's under its line, and the ends' where there is room beside it."""
        own, metrics = percent(self._chance), painter.fontMetrics()
        width = metrics.horizontalAdvance(own)
        left = min(max(x - width / 2, 0.0), self.width() - width)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(area.translated(left, 0), flags, own)
        painter.setPen(QColor(theme.FAINT))
        for text in ("0 %", "100 %"):
            room = metrics.horizontalAdvance(text)
            start = 0.0 if text == "0 %" else self.width() - room
            if start + room + theme.GRID < left or start > left + width + theme.GRID:
                painter.drawText(area.translated(start, 0), flags, text)
