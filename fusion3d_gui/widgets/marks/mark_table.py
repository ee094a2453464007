"""``MarkTable``: every mark of the case with its measurements; a click moves the crosshair to it."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import (
    QItemSelection,
    QItemSelectionModel,
    Qt,
    Signal,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.widgets.controls.row_table import Index, RowModel, row_table
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.measurement_text import measurement_line
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.look.position_text import position_text

#: Usual height, and the least, of a title and two rows (px at the usual text size).
HEIGHT, LEAST_HEIGHT = 172, 104
_ROW = 26


class MarkModel(RowModel[int]):
    """The marks as rows, identified by their numbers; only their text can be edited."""

    HEADERS: ClassVar = ("No.", "Kind", "Measurement", "Position", "Text")

    def __init__(self, marks: Annotations, parent: QWidget) -> None:
        super().__init__(parent)
        self._marks = marks
        marks.changed.connect(self._on_changed)
        self._on_changed()

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A cell's text."""
        shown = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole, Qt.ItemDataRole.ToolTipRole)
        mark = self._marks.find(self.number_at(index.row()))
        if role not in shown or mark is None:
            return None
        if index.column() == 0:
            return mark.number
        text = self._text(mark, index.column())
        return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text

    def _text(self, mark: Annotation, column: int) -> str:
        if column == 1:
            return mark.kind.capitalize()
        if column == 2:
            return measurement_line(self._marks.measurement(mark))
        return position_text(mark.middle_lps) if column == 3 else mark.text

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Set a mark's text."""
        number = self.number_at(index.row())
        if index.column() != len(self.HEADERS) - 1 or number is None:
            return False
        self._marks.set_text(number, str(value).strip())
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The last column can be edited."""
        flags = super().flags(index)
        last = index.column() == len(self.HEADERS) - 1
        return flags | Qt.ItemFlag.ItemIsEditable if last else flags

    def number_at(self, row: int) -> int | None:
        """The number of the mark in a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, number: int | None) -> int:
        """The row of a mark, -1 without one."""
        return -1 if number not in self._rows else self._rows.index(number)

    def _on_changed(self) -> None:
        numbers = [mark.number for mark in self._marks.items]
        if numbers != self._rows:
            self.show_rows(numbers)
        elif numbers:
            last = self.index(len(numbers) - 1, len(self.HEADERS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)


class MarkTable(QFrame):
    """The table under the images, with buttons to export, delete and clear."""

    export_requested = Signal()
    close_requested = Signal()

    def __init__(
        self, marks: Annotations, crosshair: Crosshair, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._marks, self._crosshair = marks, crosshair
        self.setObjectName("marks")
        self.title = theme.section_title("Measurements")
        self.export = _quiet("Export…", "Write all marks as CSV or JSON")
        self.delete = _quiet("Delete", "Delete the selected mark (Delete)")
        self.clear = _quiet("Clear all", "Delete all marks of this scan; can be undone")
        self.close_button = _quiet("×", "Hide the table (M)")
        self.close_button.setFont(theme.font(18))
        self.close_button.setAccessibleName("Hide the table")
        self.model = MarkModel(self._marks, self)
        self.table = row_table(self.model, "Measurements", (48, 90, 470, 210), _ROW)
        self.hint = theme.label(
            "No marks yet: choose a tool on the left, then draw on an image.", color=theme.MUTED
        )
        self.hint.setWordWrap(True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._build()
        self._connect()
        self._on_marks_changed()

    def _build(self) -> None:
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        head = QHBoxLayout()
        head.setContentsMargins(9, 6, 8, 4)
        head.setSpacing(4)
        head.addWidget(self.title)
        head.addStretch(1)
        for button in (self.export, self.delete, self.clear, self.close_button):
            head.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.hint, 1)
        layout.addWidget(self.table, 1)

    def _connect(self) -> None:
        self.export.clicked.connect(self.export_requested)
        self.close_button.clicked.connect(self.close_requested)
        self.clear.clicked.connect(self._marks.remove_all)
        self.delete.clicked.connect(self._on_delete)
        self._marks.changed.connect(self._on_marks_changed)
        self._marks.selection_changed.connect(self._on_selection_changed)
        self.table.selectionModel().selectionChanged.connect(self._on_row_chosen)
        self.table.clicked.connect(lambda index: self._jump(index.row()))

    def _on_delete(self) -> None:
        if self._marks.selected is not None:
            self._marks.remove(self._marks.selected.number)

    def _on_marks_changed(self) -> None:
        count = len(self._marks.items)
        self.title.setText(f"Measurements ({count})" if count else "Measurements")
        self.table.setVisible(count > 0)
        self.hint.setVisible(count == 0)
        self.export.setEnabled(count > 0)
        self.clear.setEnabled(count > 0)
        self._on_selection_changed()

    def _on_selection_changed(self) -> None:
        selected = self._marks.selected
        self.delete.setEnabled(selected is not None)
        row = self.model.row_of(None if selected is None else selected.number)
        chosen = self.table.selectionModel()
        if row == self._chosen_row():
            return
        # Selected in an image: the crosshair stays where it is.
        chosen.blockSignals(True)
        if row < 0:
            chosen.clear()
        else:
            flags = QItemSelectionModel.SelectionFlag
            chosen.setCurrentIndex(
                self.model.index(row, 0), flags.ClearAndSelect | flags.Rows | flags.Current
            )
            self.table.scrollTo(self.model.index(row, 0))
        chosen.blockSignals(False)
        self.table.viewport().update()

    def _chosen_row(self) -> int:
        rows = self.table.selectionModel().selectedRows()
        return rows[0].row() if rows else -1

    def _on_row_chosen(self, chosen: QItemSelection, left: QItemSelection) -> None:
        row = self._chosen_row()
        if row >= 0:
            self._jump(row)

    def _jump(self, row: int) -> None:
        mark = self._marks.find(self.model.number_at(row))
        if mark is not None:
            self._marks.select(mark.number)
            self._crosshair.move_to(mark.middle_lps)


def _quiet(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("quiet", True)
    button.setToolTip(plain_tip(tip))
    return button
