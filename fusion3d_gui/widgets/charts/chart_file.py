"""``ChartContent``: a chart as an image, as SVG or as numbers, each saying where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QImage, QPainter

from fusion3d_gui.output_file import whole_file
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.png_bytes import png_bytes

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Plot

#: Image pixels for each pixel of the chart on an ordinary screen: sharp in print and on slides.
_DENSITY = 3
_MARGIN = 12
_FOOTER = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap


@dataclass(frozen=True, eq=False)
class ChartContent:
    """What is on screen in a chart, to be saved.

    Parameters
    ----------
    plot, table
        The drawing and the numbers behind it.
    background
        Theme role of what lies behind the drawing.
    name, title
        Proposed name of a file, without an ending; what the chart shows, in words.
    source
        Where the numbers come from, line by line; part of every file.
    """

    plot: Plot
    table: ChartTable
    background: str
    name: str
    title: str
    source: tuple[str, ...]

    def image(self) -> QImage:
        """Return an RGB image three times as dense as an ordinary screen."""
        page = self._page()
        image = QImage(page * _DENSITY, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(_DENSITY)
        image.setText("Source", "\n".join(self.source))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint(painter, page, _DENSITY)
        painter.end()
        return image

    def write_png(self, path: Path) -> None:
        """Write the image. Raises OSError where that is not possible."""
        drawn = png_bytes(self.image())
        with whole_file(path) as whole:
            whole.write_bytes(drawn)

    def write_svg(self, path: Path) -> None:
        """Write SVG 1.1. Raises OSError where that is not possible."""
        from PySide6.QtSvg import QSvgGenerator

        page = self._page()
        generator = QSvgGenerator(QSvgGenerator.SvgVersion.Svg11)
        generator.setSize(page)
        generator.setViewBox(QRectF(0, 0, page.width(), page.height()))
        generator.setTitle(self.title)
        generator.setDescription("\n".join(self.source))
        drawn = QBuffer()  # QSvgGenerator does not say when it can't write
        generator.setOutputDevice(drawn)
        painter = QPainter(generator)
        self._paint(painter, page, 1)
        painter.end()
        with whole_file(path) as whole:
            whole.write_bytes(drawn.data().data())

    def write_csv(self, path: Path) -> None:
        """Write the numbers. Raises OSError where that is not possible."""
        self.table.write(path, self.source)

    @property
    def _size(self) -> QSize:
        return QSize(self.plot.view.size())

    def _page(self) -> QSize:
        """How large the chart is with its margins and footer, in logical pixels."""
        metrics = QFontMetricsF(theme.font(theme.SMALL))
        area = QRectF(0, 0, self._size.width(), 10_000)
        footer = metrics.boundingRect(area, int(_FOOTER), "\n".join(self.source)).height()
        width, height = self._size.width(), self._size.height()
        return QSize(width + 2 * _MARGIN, round(height + 3 * _MARGIN + footer))

    def _paint(self, painter: QPainter, page: QSize, density: float) -> None:
        from fusion3d_gui.widgets.charts.plot_items import ink

        width, height = self._size.width(), self._size.height()
        painter.fillRect(QRectF(0, 0, page.width(), page.height()), ink(self.background))
        painter.save()
        self.plot.render(painter, QRectF(_MARGIN, _MARGIN, width, height), density)
        painter.restore()
        painter.setPen(ink("faint"))
        painter.setFont(theme.font(theme.SMALL))
        top = height + 2 * _MARGIN
        footer = QRectF(_MARGIN, top, width, page.height() - top)
        painter.drawText(footer, int(_FOOTER), "\n".join(self.source))
