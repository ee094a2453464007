"""``CurveChart``: for each field, the probability over its range, with the present value marked."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.inference.analysis.result_types import Curve
from fusion3d_gui.model.schema import Value
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.look import theme

_ROW, _TITLE, _PLOT, _MARGIN = 66, 17, 26, 6


class CurveChart(QWidget):
    """One row a field. Clicking or dragging on a row tries that value: ``tried(name, value)``."""

    tried = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: tuple[Curve, ...] = ()
        self._threshold = 0.5
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip("Click or drag to try a value; Reset brings the case's own back")

    def sizeHint(self) -> QSize:
        """Tall enough for all rows."""
        return QSize(200, theme.px(_ROW) * len(self._curves))

    def show_curves(self, curves: Sequence[Curve], threshold: float) -> None:
        """Draw these from now on; ``threshold`` is the probability from which on it is positive."""
        self._curves, self._threshold = tuple(curves), threshold
        self.setAccessibleName(
            "; ".join(
                f"{curve.field.label}: {percent(float(curve.probabilities.min()))} to "
                f"{percent(float(curve.probabilities.max()))}"
                for curve in self._curves
            )
        )
        self.updateGeometry()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Try the value under the pointer."""
        self._try(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Try values while dragging."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._try(event.position())

    def _try(self, at: QPointF) -> None:
        row = int(at.y() // theme.px(_ROW))
        if not 0 <= row < len(self._curves):
            return
        curve = self._curves[row]
        area = self._plot(row)
        share = min(max((at.x() - area.left()) / area.width(), 0.0), 1.0)
        value = _value_at(curve, share)
        if value != curve.own:
            self.tried.emit(curve.field.name, value)

    def _plot(self, row: int) -> QRectF:
        top = row * theme.px(_ROW) + theme.px(_TITLE + 2)
        return QRectF(_MARGIN, top, self.width() - 2 * _MARGIN, theme.px(_PLOT))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw every row."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(theme.SMALL))
        for row, curve in enumerate(self._curves):
            self._paint_row(painter, row, curve)

    def _paint_row(self, painter: QPainter, row: int, curve: Curve) -> None:
        area = self._plot(row)
        flags = Qt.AlignmentFlag
        title = QRectF(0, row * theme.px(_ROW), self.width(), theme.px(_TITLE))
        painter.setPen(QColor(theme.MUTED))
        painter.drawText(title, flags.AlignLeft | flags.AlignVCenter, curve.field.label)
        low, high = float(curve.probabilities.min()), float(curve.probabilities.max())
        span = (
            percent(low) if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"
        )
        painter.setPen(QColor(theme.FAINT))
        painter.drawText(title, flags.AlignRight | flags.AlignVCenter, span)
        painter.setPen(QPen(QColor(theme.LINE), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        level = area.bottom() - self._threshold * area.height()
        painter.setPen(QPen(QColor(theme.EDGE), 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(area.left(), level), QPointF(area.right(), level))
        shares = _shares(curve)
        places = [
            QPointF(area.left() + share * area.width(), area.bottom() - chance * area.height())
            for share, chance in zip(shares, curve.probabilities, strict=True)
        ]
        accent = QColor(theme.ACCENT)
        if curve.field.kind == "number":
            painter.setPen(QPen(accent, 1.6))
            painter.drawPolyline(QPolygonF(places))
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.EDGE))
            for place in places:
                painter.drawRect(QRectF(place.x() - 7, place.y(), 14, area.bottom() - place.y()))
        own = _share_of(curve)
        if own is not None:
            at = QPointF(
                area.left() + own * area.width(), area.bottom() - curve.chance * area.height()
            )
            painter.setPen(QPen(QColor(theme.PANEL), 2))
            painter.setBrush(accent)
            painter.drawEllipse(at, 5, 5)
        self._paint_ends(painter, curve, area)

    def _paint_ends(self, painter: QPainter, curve: Curve, area: QRectF) -> None:
        painter.setPen(QColor(theme.FAINT))
        flags = Qt.AlignmentFlag
        below = QRectF(0, area.bottom() + 1, self.width(), theme.px(15))
        if curve.field.kind == "number":
            decimals = curve.field.decimals
            first, last = (f"{float(end or 0):.{decimals}f}" for end in _ends(curve))
            painter.drawText(below, flags.AlignLeft | flags.AlignTop, first)
            painter.drawText(below, flags.AlignRight | flags.AlignTop, last)
            if curve.own is not None:
                share = _share_of(curve) or 0.0
                text = f"{float(curve.own):.{decimals}f} {curve.field.unit}".strip()
                width = painter.fontMetrics().horizontalAdvance(text)
                left = area.left() + share * area.width() - width / 2
                room = [painter.fontMetrics().horizontalAdvance(end) + 8 for end in (first, last)]
                if room[0] < left < self.width() - room[1] - width:
                    painter.setPen(QColor(theme.TEXT))
                    painter.drawText(QPointF(left, below.top() + theme.px(11)), text)
            return
        labels: dict[object, str] = {False: "No", True: "Yes", **dict(curve.field.choices)}
        slot = area.width() / len(curve.points)
        for number, point in enumerate(curve.points):
            painter.setPen(QColor(theme.TEXT if point == curve.own else theme.FAINT))
            place = QRectF(area.left() + number * slot, below.top(), slot, below.height())
            text = painter.fontMetrics().elidedText(
                labels.get(point, str(point)),
                Qt.TextElideMode.ElideRight,
                int(slot),
            )
            painter.drawText(place, flags.AlignHCenter | flags.AlignTop, text)


def _ends(curve: Curve) -> tuple[Value, Value]:
    return curve.points[0], curve.points[-1]


def _shares(curve: Curve) -> list[float]:
    """Where each point lies along the row, 0 to 1."""
    count = len(curve.points)
    if curve.field.kind == "number":
        return [number / max(count - 1, 1) for number in range(count)]
    return [(number + 0.5) / count for number in range(count)]


def _share_of(curve: Curve) -> float | None:
    """Where the present value lies; None where there is none."""
    if curve.own is None:
        return None
    if curve.field.kind != "number":
        return _shares(curve)[curve.points.index(curve.own)]
    low, high = (float(end or 0) for end in _ends(curve))
    return (float(curve.own) - low) / (high - low) if high > low else 0.5


def _value_at(curve: Curve, share: float) -> Value:
    if curve.field.kind != "number":
        return curve.points[min(int(share * len(curve.points)), len(curve.points) - 1)]
    low, high = (float(end or 0) for end in _ends(curve))
    value = round(low + share * (high - low), curve.field.decimals)
    return min(max(value, low), high)
