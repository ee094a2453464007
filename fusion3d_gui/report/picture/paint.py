"""Drawings painted by Qt onto pixels. Needs a QGuiApplication (on any platform, such as ``offscreen``)."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtGui import QFontDatabase, QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from fusion3d_gui.report.picture.svg import Drawing
from fusion3d_gui.shipped import resources_dir


def load_fonts() -> None:
    """Make the shipped type face known; once for each process."""
    if QFontDatabase.hasFamily("Inter"):
        return
    for name in ("Regular", "Medium", "SemiBold"):
        QFontDatabase.addApplicationFont(str(resources_dir() / "fonts" / f"Inter-{name}.otf"))


def drawing_rgb(drawing: Drawing, pixels_per_mm: float) -> np.ndarray:
    """A drawing as uint8 RGB ``[row, column, 3]``, on black."""
    load_fonts()
    scale = pixels_per_mm / 10
    image = QImage(
        max(1, round(drawing.width * scale)),
        max(1, round(drawing.height * scale)),
        QImage.Format.Format_RGB888,
    )
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHints(
        QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
    )
    area = QRectF(0, 0, image.width(), image.height())
    QSvgRenderer(QByteArray(drawing.svg.encode())).render(painter, area)
    painter.end()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()
