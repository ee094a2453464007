"""Text that is legible on any image: with a dark edge all around."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

_EDGE = QColor(0, 0, 0, 150)
_AROUND = [QPointF(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]


def haloed(
    text: str, font: QFont, color: QColor, ratio: float, plate: QColor | None = None
) -> QImage:
    """A text in a picture as large as it needs, for a screen of ``ratio`` pixels a point.

    It begins one point from the picture's left, on a baseline one point below the font's ascent. On
    a plate (a colour for all of the picture) it needs no edge.
    """
    measures = QFontMetricsF(font)
    width = math.ceil(measures.horizontalAdvance(text)) + 3
    height = math.ceil(measures.height()) + 2
    picture = QImage(
        round(width * ratio), round(height * ratio), QImage.Format.Format_ARGB32_Premultiplied
    )
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent if plate is None else plate)
    at = QPointF(1, measures.ascent() + 1)
    if plate is None:
        _write(picture, at, text, font, _EDGE)
        edge = picture.copy()
        # Copies of a picture: to write anew takes several times longer.
        painter = QPainter(picture)
        for shift in _AROUND:
            painter.drawImage(shift, edge)
        painter.end()
    _write(picture, at, text, font, color)
    return picture


def _write(picture: QImage, at: QPointF, text: str, font: QFont, color: QColor) -> None:
    painter = QPainter(picture)
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(at, text)
    painter.end()
