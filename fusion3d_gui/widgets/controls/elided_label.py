"""``ElidedLabel``: one line of plain text that ends in an ellipsis where it has too little room."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel

from fusion3d_gui.widgets.look import theme


class ElidedLabel(QLabel):
    """Takes less room than its text where there is less; ``text()`` is the whole text.

    A date or an ID that is merely cut off reads as another one.
    """

    def __init__(self, *, size: int = theme.BODY, medium: bool = False) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(theme.font(size, QFont.Weight.Medium if medium else QFont.Weight.Normal))
        theme.set_color(self, theme.TEXT)

    def minimumSizeHint(self) -> QSize:
        """No width: all of the text can be left out."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw as much as fits."""
        area, painter = self.contentsRect(), QPainter(self)
        painter.setPen(self.palette().windowText().color())
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, self.alignment().value, text)
