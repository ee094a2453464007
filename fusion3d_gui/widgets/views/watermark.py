"""``Watermark``: a text across all views while a number is shown that is not a result."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme

TEXT = "DESPITE MISFIT  ·  NOT A RESULT"
_SIZE, _DEGREES, _ALPHA = 26, -24.0, 120
#: Between lines of text (px).
_APART = 190.0


class Watermark(QWidget):
    """Lies over its parent and lets the mouse through."""

    def __init__(self, store: Store, predictions: Predictions, parent: QWidget) -> None:
        super().__init__(parent)
        self._predictions = predictions
        self._over = parent
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(TEXT)
        self.hide()
        parent.installEventFilter(self)
        store.prediction_changed.connect(self._on_prediction_changed)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Cover the parent, above whatever it shows."""
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._over.rect())
        return False

    def _on_prediction_changed(self) -> None:
        prediction = self._predictions.current
        self.setVisible(prediction is not None and prediction.despite_misfit)
        self.lift()

    def lift(self) -> None:
        """Lie above pages that have come to the front since."""
        self.setGeometry(self._over.rect())
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the text in slanted lines, wide enough apart to read anatomy between them."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(_SIZE, QFont.Weight.DemiBold))
        length = painter.fontMetrics().horizontalAdvance(TEXT) + theme.px(80)
        reach = math.hypot(self.width(), self.height()) / 2
        painter.translate(self.width() / 2, self.height() / 2)
        painter.rotate(_DEGREES)
        count, across = math.ceil(reach / _APART), math.ceil(reach / length)
        for line in range(-count, count + 1):
            for place in range(-across, across + 1):
                at = QPointF((place - 0.5 + 0.5 * (line % 2)) * length, line * _APART)
                # Dark beneath, so that it can be read over bright anatomy too.
                for shift, color in ((1.5, QColor(0, 0, 0, _ALPHA)), (0.0, _ink())):
                    painter.setPen(color)
                    painter.drawText(at + QPointF(shift, shift), TEXT)
        painter.end()


def _ink() -> QColor:
    ink = QColor(theme.IMAGE_MARK)
    ink.setAlpha(_ALPHA)
    return ink
