"""``fact_list``, ``fact_table``, ``note``: what a bundle says, as rows, as a table, as a sentence; all plain text."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QAbstractItemView, QGridLayout, QLabel, QTableView, QWidget

from fusion3d_gui.state.prediction.model_facts import FactTable
from fusion3d_gui.widgets.controls.row_table import Index, RowModel, row_table
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

NOT_RECORDED = "Not recorded in this bundle."
_ROW, _MARGIN, _WIDEST = 24, 24, 260


class FactModel(RowModel[tuple[str, ...]]):
    """The rows of a :class:`FactTable`."""

    def __init__(self, table: FactTable, parent: QWidget) -> None:
        super().__init__(parent)
        self._header = table.header
        self.show_rows(table.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Number of columns."""
        return len(self._header)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """The columns' names."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._header[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The text of a cell."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        text = self._rows[index.row()][index.column()]
        return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text


def fact_table(table: FactTable, name: str, parent: QWidget) -> QTableView:
    """A table with columns as wide as their texts."""
    metrics = QFontMetrics(theme.font(12))
    widths = []
    for column, title in enumerate(table.header):
        texts = (title, *(row[column] for row in table.rows))
        longest = max(map(metrics.horizontalAdvance, texts))
        widths.append(min(longest / theme.scale() + _MARGIN, _WIDEST))
    view = row_table(FactModel(table, parent), name, [round(each) for each in widths[:-1]], _ROW)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    return view


def fact_list(rows: Sequence[tuple[str, str]]) -> QWidget:
    """Names at the left, what is said at the right."""
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(4 * theme.GRID)
    grid.setVerticalSpacing(2 * theme.GRID)
    grid.setColumnStretch(1, 1)
    for number, (name, text) in enumerate(rows):
        title = theme.label(name, size=12, color=theme.MUTED)
        grid.addWidget(title, number, 0, Qt.AlignmentFlag.AlignTop)
        said = theme.label(text)
        said.setWordWrap(True)
        said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(said, number, 1)
    return made


def note(text: str) -> QLabel:
    """A sentence of explanation that wraps."""
    # A number and its per cent sign stay on one line.
    made = theme.label(text.replace(" %", "\u00a0%"), size=12, color=theme.MUTED)
    made.setWordWrap(True)
    return made
