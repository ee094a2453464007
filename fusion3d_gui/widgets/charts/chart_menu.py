"""``ChartMenu``: copy or save a chart's image and numbers, and show all of it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.widgets.charts.chart_image import chart_image, write_svg

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.chart import Chart


class ChartMenu(QMenu):
    """The context menu of one chart."""

    def __init__(self, chart: Chart) -> None:
        super().__init__(chart)
        self._chart = chart
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.copy = self.addAction("Copy image")
        self.save_png = self.addAction("Save as PNG…")
        self.save_svg = self.addAction("Save as SVG…")
        self.save_csv = self.addAction("Save numbers as CSV…")
        self.addSeparator()
        self.show_all = self.addAction("Show all")
        self.show_all.setEnabled(chart.is_zoomed)
        self.copy.triggered.connect(self._copy)
        self.save_png.triggered.connect(lambda: save_chart(chart, "png"))
        self.save_svg.triggered.connect(lambda: save_chart(chart, "svg"))
        self.save_csv.triggered.connect(lambda: save_chart(chart, "csv"))
        self.show_all.triggered.connect(chart.reset_zoom)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setImage(chart_image(self._chart, source_lines(self._chart)))


def source_lines(chart: Chart) -> tuple[str, ...]:
    """Return what a saved chart says about itself: its source, the program, and what it is not for."""
    return (*chart.source, f"Fusion3D {__version__}. {RESEARCH_USE_ONLY}.")


def save_chart(chart: Chart, ending: str) -> None:
    """Ask for a file and write the chart as ``"png"``, ``"svg"`` or ``"csv"``; say so if that fails."""
    writers: dict[str, Callable[[Path], object]] = {
        "png": lambda path: _write_png(chart, path),
        "svg": lambda path: write_svg(chart, source_lines(chart), path),
        "csv": lambda path: chart.table().write(path, source_lines(chart)),
    }
    name, _ = QFileDialog.getSaveFileName(
        chart, "Save the chart", f"{chart.FILE_NAME}.{ending}", f"{ending.upper()} (*.{ending})"
    )
    if not name:
        return
    try:
        writers[ending](Path(name))
    except OSError as error:
        box = QMessageBox(chart.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Fusion3D")
        box.setTextFormat(Qt.TextFormat.PlainText)
        why = error.strerror or error
        box.setText(f"{name} could not be written: {why}. Choose another folder.")
        box.open()


def _write_png(chart: Chart, path: Path) -> None:
    if not chart_image(chart, source_lines(chart)).save(str(path), b"PNG"):
        raise OSError(0, "the image was refused")
