"""``compose_layers``: the images of a view one over the other, in device pixels."""

from __future__ import annotations

import math

from PySide6.QtCore import QRect, QRectF, QSize
from PySide6.QtGui import QColor, QImage, QPainter

from fusion3d_gui.imaging.plane import Rect
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.row_bands import row_bands


def compose_layers(
    painter: QPainter,
    layers: list[tuple[Rect, QImage]],
    camera: Camera,
    area: QRectF,
    ratio: float,
    smooth: bool,
) -> None:
    """Paint images one over the other, each on its rectangle (screen mm).

    Parameters
    ----------
    painter, camera, area, ratio
        Paints in logical pixels on ``area``, seen through the camera; device pixels are ``ratio`` times smaller.
    layers
        The lowest first, which is opaque: around it the background is filled.
    smooth
        Whether the lowest is interpolated; the others always are.
    """
    painter.save()
    painter.scale(1 / ratio, 1 / ratio)
    whole = QRect(0, 0, math.ceil(area.width() * ratio), math.ceil(area.height() * ratio))
    for number, (rect, image) in enumerate(layers):
        left, top = camera.to_px(rect.left, rect.top)
        sides = left, top, rect.width * camera.scale, rect.height * camera.scale
        # Rounded, so that what has the painter's own pixels is copied and not resampled.
        target = QRectF(*(round(each * ratio, 5) for each in sides))
        if number == 0:
            _fill_around(painter, whole, target)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth or number > 0)
        for above, below in row_bands(0, whole.height()):
            painter.setClipRect(QRectF(0, above, whole.width(), below - above))
            painter.drawImage(target, image, QRectF(image.rect()))
    painter.restore()


def _fill_around(painter: QPainter, area: QRect, inner: QRectF) -> None:
    """Fill the background around the part that an opaque image covers."""
    # The outermost pixels of the image may be covered only in part.
    hole = inner.adjusted(1, 1, -1, -1).toAlignedRect().intersected(area)
    if hole.isEmpty():
        hole = QRect(area.topLeft(), QSize(0, 0))
    below, beside = hole.top() + hole.height(), hole.left() + hole.width()
    for left, top, right, bottom in (
        (0, 0, area.width(), hole.top()),
        (0, below, area.width(), area.height()),
        (0, hole.top(), hole.left(), below),
        (beside, hole.top(), area.width(), below),
    ):
        painter.fillRect(left, top, right - left, bottom - top, QColor(theme.IMAGE))
