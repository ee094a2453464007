"""Base of the window's tables: a model of rows under fixed headers, and a common look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from fusion3d_gui.widgets.look import theme

Index = QModelIndex | QPersistentModelIndex
_Row = TypeVar("_Row")


class RowModel(QAbstractTableModel, Generic[_Row]):
    """A table model of one row type; subclasses define ``HEADERS`` and ``data``."""

    HEADERS: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[_Row] = []

    def show_rows(self, rows: Sequence[_Row]) -> None:
        """Replace all rows."""
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns."""
        return len(self.HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """The columns' names."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self.HEADERS[section]
        return None


class _CellPainter(QStyledItemDelegate):
    """Paints a cell's text in its own colour in a selected row, too: Qt has one colour for all selected text."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        if not option.state & QStyle.StateFlag.State_Selected:
            return
        color = index.data(Qt.ItemDataRole.ForegroundRole)
        if color is not None:
            option.palette.setBrush(QPalette.ColorRole.HighlightedText, color)


def row_table(model: QAbstractTableModel, name: str, widths: Sequence[int], row: int) -> QTableView:
    """A view of whole rows, ``row`` px high; the last column takes what ``widths`` (px) leave."""
    table = QTableView()
    table.setModel(model)
    table.setItemDelegate(_CellPainter(table))
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setShowGrid(False)
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.setFont(theme.font(12))
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)
    table.setAccessibleName(name)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(theme.px(row))
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
    for column, width in enumerate(widths):
        header.resizeSection(column, theme.px(width))
    header.setStretchLastSection(True)
    return table
