"""``DropTarget``: files and folders dropped anywhere on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget


class DropTarget(QObject):
    """Watches a window; a border around ``frame_in`` says that it would take what hovers."""

    #: A path to open; of several files the folder that holds them.
    dropped = Signal(object)
    #: Whether something that could be dropped hovers over the window.
    aimed = Signal(bool)

    def __init__(self, window: QWidget, frame_in: QWidget) -> None:
        super().__init__(window)
        self._frame = _DropFrame(frame_in)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take drags that bring files."""
        if isinstance(event, QDragEnterEvent):
            if _dropped_path(event.mimeData()) is not None:
                event.acceptProposedAction()
                self._frame.appear()
                self.aimed.emit(True)
            return True
        if event.type() == QEvent.Type.DragLeave:
            self._over()
            return True
        if event.type() == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self._over()
            path = _dropped_path(event.mimeData())
            if path is not None:
                event.acceptProposedAction()
                self.dropped.emit(path)
            return True
        return False

    def _over(self) -> None:
        self._frame.hide()
        self.aimed.emit(False)


class _DropFrame(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._place_in = parent
        self.setObjectName("drop")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def appear(self) -> None:
        self.setGeometry(self._place_in.rect().adjusted(6, 6, -6, -6))
        self.show()
        self.raise_()


def _dropped_path(mime: QMimeData) -> Path | None:
    paths = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    if len(paths) > 1:
        return paths[0].parent
    return paths[0] if paths else None
