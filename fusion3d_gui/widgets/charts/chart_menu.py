"""``ChartMenu``: copy or save a chart's image and numbers, and show all of it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QMessageBox, QWidget

from fusion3d_gui.widgets.charts.chart_file import ChartContent

Ending = Literal["png", "svg", "csv"]


class ChartMenu(QMenu):
    """The context menu of one chart."""

    def __init__(
        self, parent: QWidget, content: ChartContent, reset_zoom: Callable[[], None] | None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.copy = self.addAction("Copy image")
        self.save_png = self.addAction("Save as PNG…")
        self.save_svg = self.addAction("Save as SVG…")
        self.save_csv = self.addAction("Save numbers as CSV…")
        self.addSeparator()
        self.show_all = self.addAction("Show all")
        self.show_all.setEnabled(reset_zoom is not None)
        self.copy.triggered.connect(lambda: QGuiApplication.clipboard().setImage(content.image()))
        self.save_png.triggered.connect(lambda: save_chart(parent, content, "png"))
        self.save_svg.triggered.connect(lambda: save_chart(parent, content, "svg"))
        self.save_csv.triggered.connect(lambda: save_chart(parent, content, "csv"))
        if reset_zoom is not None:
            self.show_all.triggered.connect(reset_zoom)


def save_chart(parent: QWidget, content: ChartContent, ending: Ending) -> None:
    """Ask for a file and write it; say so if that fails."""
    write: Callable[[Path], None] = {
        "png": content.write_png,
        "svg": content.write_svg,
        "csv": content.write_csv,
    }[ending]
    name, _ = QFileDialog.getSaveFileName(
        parent, "Save the chart", f"{content.name}.{ending}", f"{ending.upper()} (*.{ending})"
    )
    if not name:
        return
    try:
        write(Path(name))
    except OSError as error:
        box = QMessageBox(parent.window())
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Fusion3D")
        box.setTextFormat(Qt.TextFormat.PlainText)
        why = error.strerror or error
        box.setText(f"{name} could not be written: {why}. Choose another folder.")
        box.open()
