"""A chart as an image or as SVG, with a footer that says where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter

from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.chart import Chart

#: Image pixels for each pixel of the chart on an ordinary screen: sharp in print and on slides.
_DENSITY = 3
_MARGIN = 12
_FOOTER = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap


def chart_image(chart: Chart, source: Sequence[str]) -> QImage:
    """Return the chart as an RGB image three times as dense as an ordinary screen."""
    size = _page(chart, source)
    image = QImage(size * _DENSITY, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(_DENSITY)
    image.setText("Source", "\n".join(source))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _paint(chart, source, painter, size, _DENSITY)
    painter.end()
    return image


def write_svg(chart: Chart, source: Sequence[str], path: Path) -> None:
    """Write the chart as SVG 1.1. Raises OSError where that is not possible."""
    from PySide6.QtSvg import QSvgGenerator

    with path.open("wb"):
        pass  # the generator doesn't say why it can't write
    size = _page(chart, source)
    generator = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11)
    generator.setFileName(str(path))
    generator.setSize(size)
    generator.setViewBox(QRectF(0, 0, size.width(), size.height()))
    generator.setTitle(chart.accessibleName() or chart.FILE_NAME)
    generator.setDescription("\n".join(source))
    painter = QPainter(generator)
    _paint(chart, source, painter, size, 1)
    painter.end()


def _footer_height(chart: Chart, source: Sequence[str]) -> float:
    metrics = QFontMetricsF(theme.font(theme.SMALL))
    area = QRectF(0, 0, chart.width(), 10_000)
    return metrics.boundingRect(area, int(_FOOTER), "\n".join(source)).height()


def _page(chart: Chart, source: Sequence[str]) -> QSize:
    """How large the chart is with its margins and footer, in logical pixels."""
    height = chart.height() + 3 * _MARGIN + _footer_height(chart, source)
    return QSize(chart.width() + 2 * _MARGIN, round(height))


def _paint(
    chart: Chart, source: Sequence[str], painter: QPainter, size: QSize, density: float
) -> None:
    from fusion3d_gui.widgets.charts.plot import ink

    painter.fillRect(QRectF(0, 0, size.width(), size.height()), ink(chart.BACKGROUND))
    if chart.plot is not None:
        painter.save()
        body = QRectF(_MARGIN, _MARGIN, chart.width(), chart.height())
        chart.plot.render(painter, body, density)
        painter.restore()
    painter.setPen(ink("faint"))
    painter.setFont(theme.font(theme.SMALL))
    top = chart.height() + 2 * _MARGIN
    footer = QRectF(_MARGIN, top, chart.width(), size.height() - top)
    painter.drawText(footer, int(_FOOTER), "\n".join(source))
