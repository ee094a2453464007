"""``TagBrowser``: the DICOM header of one file of the open series, with search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from fusion3d_gui.state.case.tag_reading import dicom_files, read_series_tags
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.row_table import Index, RowModel, row_table
from fusion3d_gui.widgets.controls.wheel_guard import guard_wheel
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.dialog_position import center_over
from fusion3d_gui.widgets.look.plain_tip import plain_tip

if TYPE_CHECKING:
    from fusion3d_gui.state.case.tag_reading import TagLine

_ROW = 24


class TagModel(RowModel["TagLine"]):
    """The lines that match the search."""

    HEADERS: ClassVar = ("Tag", "Name", "VR", "Value")

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._lines: list[TagLine] = []
        self._query = ""

    def show_lines(self, lines: list[TagLine]) -> None:
        """Show the lines of another file."""
        self._lines = lines
        self.search(self._query)

    def search(self, query: str) -> None:
        """Show the lines that contain every word of the query, ignoring case."""
        self._query = query
        words = query.lower().split()
        self.show_rows(
            [
                line
                for line in self._lines
                if all(
                    word in f"{line.tag} {line.name} {line.vr} {line.value}".lower()
                    for word in words
                )
            ]
        )

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The text of a cell; names of nested elements are indented."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        line = self._rows[index.row()]
        if index.column() == 1 and role == Qt.ItemDataRole.DisplayRole:
            return "    " * line.depth + line.name
        text = (line.tag, line.name, line.vr, line.value)[index.column()]
        return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text


class TagBrowser(QDialog):
    """Stays open beside the window, and closes when another case is opened."""

    def __init__(self, store: Store, paths: tuple[Path, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self._store, self._paths = store, paths
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("DICOM tags")
        self.line = QLineEdit()
        self.line.setPlaceholderText("Search in tags, names and values")
        self.line.setClearButtonEnabled(True)
        self.line.setAccessibleName("Search")
        self.line.setToolTip("Lines in which every word comes, whatever its case")
        self.line.setFixedHeight(theme.px(theme.CONTROL))
        self.file = QSpinBox()
        self.file.setRange(1, len(paths))
        self.file.setValue((len(paths) + 1) // 2)
        self.file.setSuffix(f" / {len(paths)}")
        self.file.setFixedSize(theme.px(110), theme.px(theme.CONTROL))
        self.file.lineEdit().setTextMargins(7, 0, 0, 0)
        self.file.setAccessibleName("File of the series")
        self.file.setToolTip("Which file of the series, in the order of its slices")
        self.model = TagModel(self)
        self.table = row_table(self.model, "Tags", (100, 270, 44), _ROW)
        self.count = theme.label(size=12, color=theme.MUTED)
        self._build()
        self.line.textChanged.connect(self._on_searched)
        self.file.valueChanged.connect(self._read)
        store.case_changed.connect(self.close)
        guard_wheel(self)
        self.resize(theme.px(820), theme.px(620))
        center_over(self, parent)
        self._read()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.line, 1)
        head.addWidget(theme.label("File", color=theme.MUTED))
        head.addWidget(self.file)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 14, 14, 10)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.count)

    def _read(self) -> None:
        self.count.setText("Reading…")
        path = self._paths[self.file.value() - 1]
        read_series_tags(self._store, path, self._on_read).failed.connect(self._on_failed)

    def _on_read(self, lines: list[TagLine]) -> None:
        if not isValid(self):
            return  # closed while the file was being read
        self.model.show_lines(lines)
        self._say()

    def _on_failed(self, error: Exception) -> None:
        if isValid(self):
            self.model.show_lines([])
            self.count.setText("This file can't be read.")  # why, the window says

    def _on_searched(self, query: str) -> None:
        self.model.search(query)
        self._say()

    def _say(self) -> None:
        hidden = self._store.identity.hidden
        note = "   ·   who the patient is stays hidden" if hidden else ""
        self.count.setText(f"{self.model.rowCount()} elements{note}")


def show_tags(store: Store, parent: QWidget) -> None:
    """Show the DICOM header of the open series: in the browser that is open already, else in a new one."""
    paths = dicom_files(store)
    if not paths:
        return
    opened = [each for each in parent.findChildren(TagBrowser) if each.isVisible()]
    browser = opened[0] if opened else TagBrowser(store, paths, parent)
    browser.show()
    browser.raise_()
    browser.activateWindow()
