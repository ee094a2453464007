"""``MaskTableModel``: the masks as rows: on or off, colour, name, volume."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.masks.mask_list import CaseMask, MaskList
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.row_table import Index, RowModel
from fusion3d_gui.widgets.look.plain_tip import plain_tip


def volume_text(ml: float) -> str:
    """A volume with three figures, e.g. ``"12.3 ml"``; of less than 1 ml in thousandths."""
    if ml >= 100:
        return f"{ml:.0f} ml"
    return f"{ml:.3g} ml" if ml >= 1 else f"{ml:.3f} ml"


def _swatch(color: str) -> QIcon:
    """A square of the colour, the same in a selected row."""
    square = QPixmap(16, 16)
    square.fill(QColor(color))
    icon = QIcon(square)
    icon.addPixmap(square, QIcon.Mode.Selected)
    return icon


class MaskTableModel(RowModel[int]):
    """Rows are identified by the masks' numbers; the tick and the name can be changed."""

    HEADERS: ClassVar = ("Mask", "Volume")

    def __init__(self, store: Store, masks: MaskList, parent: QWidget) -> None:
        super().__init__(parent)
        self._store, self._masks = store, masks
        masks.changed.connect(self._on_changed)
        store.identity.changed.connect(self._on_changed)
        self._on_changed()

    def name(self, item: CaseMask) -> str:
        """Its name; its number while the identity is hidden, as a name that somebody typed may name the patient."""
        return f"Mask {item.number}" if self._store.identity.hidden else item.mask.name

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A cell's text, tick and colour."""
        item, roles = self._masks.find(self.number_at(index.row())), Qt.ItemDataRole
        if item is None:
            return None
        first = index.column() == 0
        if role in (roles.DisplayRole, roles.EditRole):
            return self.name(item) if first else volume_text(item.mask.volume_ml)
        if role == roles.ToolTipRole:
            whose = "drawn here, kept with the case" if item.is_drawn else "of a file, not changed"
            return plain_tip(f"{self.name(item)}, {volume_text(item.mask.volume_ml)}: {whose}")
        if role == roles.TextAlignmentRole and not first:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if first and role == roles.DecorationRole:
            return _swatch(item.color)
        if first and role == roles.CheckStateRole:
            on = self._masks.is_shown(item.number)
            return Qt.CheckState.Checked if on else Qt.CheckState.Unchecked
        return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Switch a mask on or off, or rename it."""
        number = self.number_at(index.row())
        if number is None or index.column():
            return False
        if role == Qt.ItemDataRole.CheckStateRole:
            checked = Qt.CheckState.Checked
            self._masks.set_shown(number, value in (checked, checked.value))
        elif role == Qt.ItemDataRole.EditRole and not self._store.identity.hidden:
            self._masks.rename(number, str(value).strip())
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        """The first column has a tick and can be edited."""
        flags = super().flags(index)
        if index.column():
            return flags
        flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags if self._store.identity.hidden else flags | Qt.ItemFlag.ItemIsEditable

    def number_at(self, row: int) -> int | None:
        """The number of the mask in a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, number: int | None) -> int:
        """The row of a mask, -1 without one."""
        return -1 if number not in self._rows else self._rows.index(number)

    def _on_changed(self) -> None:
        numbers = [each.number for each in self._masks.items]
        if numbers != self._rows:
            self.show_rows(numbers)
        elif numbers:
            self.dataChanged.emit(self.index(0, 0), self.index(len(numbers) - 1, 1))
