"""``ShareChart``: what the image and each field add to the answer, as bars to either side of zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.widgets.look import theme

_ROW, _NAME, _NUMBER = 22, 104, 46


@dataclass(frozen=True)
class Share:
    """One bar: its name, its part of the logit, and whether it is a part of the bar above it."""

    name: str
    amount: float
    part: bool = False


class ShareChart(QWidget):
    """One row a share; to the right what raised the answer, to the left what lowered it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[Share, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Tall enough for all rows."""
        return QSize(200, theme.px(_ROW) * len(self._shares))

    def show_shares(self, shares: Sequence[Share]) -> None:
        """Draw these from now on."""
        self._shares = tuple(shares)
        self.setAccessibleName(", ".join(f"{s.name} {signed(s.amount)}" for s in self._shares))
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw names, bars and numbers."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        left = theme.px(_NAME)
        right = self.width() - theme.px(_NUMBER)
        middle, half = (left + right) / 2, (right - left) / 2
        largest = max((abs(share.amount) for share in self._shares), default=0.0) or 1.0
        flags = Qt.AlignmentFlag
        row_height = theme.px(_ROW)
        for row, share in enumerate(self._shares):
            top = row * row_height
            indent = theme.px(12) if share.part else 0
            painter.setFont(theme.font(theme.SMALL if share.part else 12))
            painter.setPen(QColor(theme.MUTED if share.part else theme.TEXT))
            room = left - indent - 8
            text = painter.fontMetrics().elidedText(share.name, Qt.TextElideMode.ElideRight, room)
            place = QRectF(indent, top, room, row_height)
            painter.drawText(place, flags.AlignLeft | flags.AlignVCenter, text)
            length = share.amount / largest * half
            thick = row_height * (0.36 if share.part else 0.55)
            bar = QRectF(middle, top + (row_height - thick) / 2, length, thick).normalized()
            painter.setPen(Qt.PenStyle.NoPen)
            color = QColor(theme.WARNING if share.amount > 0 else theme.ACCENT)
            color.setAlphaF(0.6 if share.part else 1.0)
            painter.setBrush(color)
            painter.drawRoundedRect(bar, 2, 2)
            painter.setPen(QColor(theme.MUTED))
            place = QRectF(right, top, theme.px(_NUMBER), row_height)
            painter.drawText(place, flags.AlignRight | flags.AlignVCenter, signed(share.amount))
        painter.setPen(QPen(QColor(theme.EDGE), 1))
        painter.drawLine(QPointF(middle, 0), QPointF(middle, row_height * len(self._shares)))


def signed(amount: float) -> str:
    """A number with its sign, two decimals, and a real minus."""
    return "0.00" if abs(amount) < 0.005 else f"{amount:+.2f}".replace("-", "−")
