"""Draws one slice view: image, heatmap, crosshair, and what is written on the image."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen

from fusion3d_gui.imaging.plane import Rect
from fusion3d_gui.state.camera import Camera
from fusion3d_gui.widgets import theme

_MARGIN = 10.0
#: Below this side length (px) a view shows less text.
_SMALL_VIEW = 260
#: Below this width (px) a view does not name patient and series.
_WIDE_VIEW = 420


@dataclass(frozen=True)
class Writing:
    """Everything written on a view. ``sides`` are the letters at its left, right, top and bottom;
    ``corner`` are the lines about patient and series; ``lossy`` that the file says so."""

    title: str
    position: str
    slice_count: str
    window: str
    zoom: str
    sides: tuple[str, str, str, str]
    corner: tuple[str, ...] = ()
    lossy: bool = False


def paint_image(
    painter: QPainter, camera: Camera, rect: Rect, image: QImage, ratio: float = 1.0
) -> None:
    """Draw an image so that it fills ``rect`` (screen mm), in true proportions, bilinear.

    ``ratio`` is how many of the painter's pixels a pixel of the view has.
    """
    left, top = camera.to_px(rect.left, rect.top)
    sides = left, top, rect.width * camera.scale, rect.height * camera.scale
    # Rounded, so that what has the painter's own pixels is copied and not resampled.
    target = QRectF(*(round(each * ratio, 5) for each in sides))
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(target, image, QRectF(image.rect()))


def paint_writing(painter: QPainter, writing: Writing, camera: Camera, area: QRectF) -> None:
    """Where the patient's sides are, what plane this is and where, how it is shown, and of whom."""
    flags = Qt.AlignmentFlag
    painter.setFont(theme.font(theme.LARGE, QFont.Weight.DemiBold))
    inner = area.adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
    left, right, top, bottom = writing.sides
    for text, where in (
        (right, flags.AlignRight | flags.AlignVCenter),
        (left, flags.AlignLeft | flags.AlignVCenter),
        (bottom, flags.AlignBottom | flags.AlignHCenter),
        (top, flags.AlignTop | flags.AlignHCenter),
    ):
        _text(painter, inner, where, text, theme.IMAGE_TEXT)
    inner = area.adjusted(_MARGIN, _MARGIN - 2, -_MARGIN, -_MARGIN + 2)
    painter.setFont(theme.font(theme.BODY, QFont.Weight.Medium))
    _text(painter, inner, flags.AlignLeft | flags.AlignTop, writing.title, theme.IMAGE_TEXT)
    painter.setFont(theme.font(12))
    line = theme.px(18)
    small = min(area.width(), area.height()) < _SMALL_VIEW
    upper_left: tuple[str, ...] = (writing.position,)
    upper_right: tuple[str, ...] = (writing.slice_count,)
    if area.width() >= _WIDE_VIEW and not small:
        upper_right += writing.corner
    for number, text in enumerate(upper_left, start=1):
        below = inner.adjusted(0, line * number + 1, 0, 0)
        _text(painter, below, flags.AlignLeft | flags.AlignTop, text, theme.ON_IMAGE)
    for number, text in enumerate(upper_right):
        below = inner.adjusted(inner.width() * 0.5, line * number, 0, 0)
        _text(painter, below, flags.AlignRight | flags.AlignTop, text, theme.ON_IMAGE)
    lower_right = ["lossy compression"] if writing.lossy else []
    if not small:
        lower_right = [writing.window, writing.zoom, *lower_right]
    for number, text in enumerate(each for each in lower_right if each):
        above = inner.adjusted(0, 0, 0, -line * number)
        _text(painter, above, flags.AlignRight | flags.AlignBottom, text, theme.ON_IMAGE)
    _paint_scale_bar(painter, camera, area)


def _paint_scale_bar(painter: QPainter, camera: Camera, area: QRectF) -> None:
    """A bar of a round number of millimetres, bottom left."""
    length_mm = scale_bar_mm(camera.scale, area.width() * 0.28)
    length = length_mm * camera.scale
    x, y = area.left() + _MARGIN, area.bottom() - _MARGIN - 3
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    for shift, color in ((1.0, "#000000"), (0.0, theme.ON_IMAGE)):
        painter.setPen(QPen(QColor(color), 1.5))
        painter.drawLine(QPointF(x + shift, y + shift), QPointF(x + length + shift, y + shift))
        for end in (x, x + length):
            painter.drawLine(QPointF(end + shift, y - 4 + shift), QPointF(end + shift, y + shift))
    painter.setFont(theme.font(12))
    text = f"{length_mm:g} mm"
    flags = Qt.AlignmentFlag
    where = QRectF(x, y - 6 - theme.px(18), 200, theme.px(18))
    _text(painter, where, flags.AlignLeft | flags.AlignBottom, text, theme.ON_IMAGE)


def scale_bar_mm(scale_px_per_mm: float, longest_px: float) -> float:
    """The longest of 1, 2, 5 times a power of ten that fits into so many pixels."""
    longest_mm = longest_px / scale_px_per_mm
    power = 10.0 ** math.floor(math.log10(longest_mm))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest_mm)


def _text(painter: QPainter, area: QRectF, where: Qt.AlignmentFlag, text: str, color: str) -> None:
    # A dark double underneath keeps text legible over bright anatomy.
    painter.setPen(QColor(0, 0, 0, 200))
    painter.drawText(area.translated(1, 1), where, text)
    painter.setPen(QColor(color))
    painter.drawText(area, where, text)
