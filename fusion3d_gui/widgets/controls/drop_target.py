"""``DropTarget``: accept files and folders dropped anywhere on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QWidget


class DropTarget(QObject):
    """Event filter of a window; while files hover over it, ``frame_in`` shows a border."""

    #: Paths to open (list of ``pathlib.Path``): what was dropped, nothing else.
    dropped = Signal(object)
    #: Whether files that could be dropped hover over the window.
    hovered = Signal(bool)

    def __init__(self, window: QWidget, frame_in: QWidget) -> None:
        super().__init__(window)
        self._frame = _DropFrame(frame_in)
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Handle drags that carry local files."""
        if isinstance(event, QDragEnterEvent):
            if _dropped_paths(event.mimeData()):
                event.acceptProposedAction()
                self._frame.appear()
                self.hovered.emit(True)
            return True
        if event.type() == QEvent.Type.DragLeave:
            self._end_drag()
            return True
        if event.type() == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self._end_drag()
            paths = _dropped_paths(event.mimeData())
            if paths:
                event.acceptProposedAction()
                self.dropped.emit(paths)
            return True
        return False

    def _end_drag(self) -> None:
        self._frame.hide()
        self.hovered.emit(False)


class _DropFrame(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._framed = parent
        self.setObjectName("drop")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def appear(self) -> None:
        self.setGeometry(self._framed.rect().adjusted(6, 6, -6, -6))
        self.show()
        self.raise_()


def _dropped_paths(mime: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
