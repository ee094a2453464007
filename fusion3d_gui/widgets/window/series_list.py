"""``SeriesList``: a list of series in which only what is open is highlighted."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QWidget

#: Item data: the UID of the series; None for a heading.
UID_ROLE = Qt.ItemDataRole.UserRole

_CHOOSING = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class SeriesList(QListWidget):
    """Thumbnails in a column.

    Mouse and keys never change the selection: the keys move a frame, Enter or a click chooses. A
    click does not take the keyboard focus from the images.
    """

    #: The user wants to open this series (UID).
    chosen = Signal(str)

    def __init__(self, icon_side: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.TopToBottom)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setIconSize(QSize(icon_side, icon_side))
        self.setSpacing(4)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Series")
        self.itemClicked.connect(self._on_chosen)

    def show_open(self, item: QListWidgetItem) -> None:
        """Highlight the series that is open."""
        self.setCurrentItem(item, QItemSelectionModel.SelectionFlag.ClearAndSelect)

    def selectionCommand(
        self, index: QModelIndex | QPersistentModelIndex, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        """Leave the selection as it is, whatever the mouse or the keys do."""
        return QItemSelectionModel.SelectionFlag.NoUpdate

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Choose the framed series with Enter or Space; other keys move the frame."""
        item = self.currentItem()
        if event.key() in _CHOOSING and item is not None:
            self._on_chosen(item)
        else:
            super().keyPressEvent(event)

    def _on_chosen(self, item: QListWidgetItem) -> None:
        uid = item.data(UID_ROLE)
        if uid:
            self.chosen.emit(uid)
