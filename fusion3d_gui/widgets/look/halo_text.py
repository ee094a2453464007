"""Text with a dark halo, legible on any image."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

_HALO = QColor(0, 0, 0, 150)
_AROUND = [QPointF(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]


def halo_text_image(
    text: str, font: QFont, color: QColor, ratio: float, plate: QColor | None = None
) -> QImage:
    """Render a line of text into an image just large enough for it.

    Parameters
    ----------
    ratio
        Device pixels per logical pixel of the screen it is drawn for.
    plate
        Background colour of the whole image; on a plate the text gets no halo.

    Returns
    -------
    QImage
        Premultiplied ARGB. The text begins one logical pixel from the left, on a baseline one logical
        pixel below the font's ascent.
    """
    measures = QFontMetricsF(font)
    width = math.ceil(measures.horizontalAdvance(text)) + 3
    height = math.ceil(measures.height()) + 2
    image = QImage(
        round(width * ratio), round(height * ratio), QImage.Format.Format_ARGB32_Premultiplied
    )
    image.setDevicePixelRatio(ratio)
    image.fill(Qt.GlobalColor.transparent if plate is None else plate)
    at = QPointF(1, measures.ascent() + 1)
    if plate is None:
        _draw_text(image, at, text, font, _HALO)
        halo = image.copy()
        # Copying the rendered text is several times faster than drawing it eight times.
        painter = QPainter(image)
        for shift in _AROUND:
            painter.drawImage(shift, halo)
        painter.end()
    _draw_text(image, at, text, font, color)
    return image


def _draw_text(image: QImage, at: QPointF, text: str, font: QFont, color: QColor) -> None:
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(color)
    painter.drawText(at, text)
    painter.end()
