"""``SeriesList``: a list of series in which only what is open is highlighted."""

from __future__ import annotations

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QContextMenuEvent, QDrag, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QApplication, QListView, QListWidget, QListWidgetItem, QWidget

from fusion3d_gui.widgets.controls.drop_target import SERIES_MIME

#: Item data: the UID of the series; None for a heading.
UID_ROLE = Qt.ItemDataRole.UserRole

_CHOOSING = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class SeriesList(QListWidget):
    """Thumbnails in a column.

    Mouse and keys never change the selection: the keys move a frame, Enter or a click chooses. A
    click does not take the keyboard focus from the images. A series can be dragged out of the list.
    """

    #: The user wants to open this series (UID).
    chosen = Signal(str)
    #: The context menu of this series (UID) is requested, at a position (QPoint) on the screen.
    menu_requested = Signal(str, QPoint)

    def __init__(self, icon_side: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pressed: QPoint | None = None
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

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu of the series under the pointer, or of the framed one."""
        by_mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        item = self.itemAt(event.pos()) if by_mouse else self.currentItem()
        if item is not None and item.data(UID_ROLE):
            where = event.pos() if by_mouse else self.visualItemRect(item).center()
            self.menu_requested.emit(item.data(UID_ROLE), self.viewport().mapToGlobal(where))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a drag may begin."""
        self._pressed = event.pos() if event.button() == Qt.MouseButton.LeftButton else None
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Begin to drag the series that was pressed."""
        pressed = self._pressed
        if pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        item = self.itemAt(pressed)
        far = (event.pos() - pressed).manhattanLength() >= QApplication.startDragDistance()
        if far and item is not None and item.data(UID_ROLE):
            self._pressed = None
            drag = QDrag(self)
            drag.setMimeData(self.dragged(item))
            drag.setPixmap(item.icon().pixmap(self.iconSize()))
            drag.exec(Qt.DropAction.CopyAction)

    def dragged(self, item: QListWidgetItem) -> QMimeData:
        """What a drag of a series carries; only this window understands it."""
        mime = QMimeData()
        mime.setData(SERIES_MIME, item.data(UID_ROLE).encode())
        return mime

    def _on_chosen(self, item: QListWidgetItem) -> None:
        uid = item.data(UID_ROLE)
        if uid:
            self.chosen.emit(uid)
