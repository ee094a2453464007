"""``DropTarget``: accept files and folders dropped anywhere on the window, and series on the images."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtWidgets import QWidget

#: What a series that is dragged within the window carries: its UID.
SERIES_MIME = "application/x-fusion3d-series"


class DropTarget(QObject):
    """Event filter of a window; while files hover over it, ``frame_in`` shows a border.

    A series is accepted on ``frame_in`` only.
    """

    #: Paths to open (list of ``pathlib.Path``): what was dropped, nothing else.
    dropped = Signal(object)
    #: UID of a series to open.
    series_dropped = Signal(str)
    #: The same with shift held, or over :attr:`beside_zone`: to be shown beside the scan on screen.
    dropped_beside = Signal(object)
    series_dropped_beside = Signal(str)
    #: Whether files that could be dropped hover over the window.
    hovered = Signal(bool)

    def __init__(self, window: QWidget, frame_in: QWidget) -> None:
        super().__init__(window)
        self._window, self._images = window, frame_in
        #: What is dropped here is shown beside the scan on screen.
        self.beside_zone: QWidget | None = None
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
            elif event.mimeData().hasFormat(SERIES_MIME):
                event.acceptProposedAction()
            return True
        if isinstance(event, QDragMoveEvent) and event.mimeData().hasFormat(SERIES_MIME):
            over_images = self._is_over_images(event.position().toPoint())
            event.setAccepted(over_images)
            if over_images:
                self._frame.appear()
            else:
                self._frame.hide()
            return True
        if event.type() == QEvent.Type.DragLeave:
            self._end_drag()
            return True
        if event.type() == QEvent.Type.Drop and isinstance(event, QDropEvent):
            self._end_drag()
            if event.mimeData().hasFormat(SERIES_MIME):
                if self._is_over_images(event.position().toPoint()):
                    event.acceptProposedAction()
                    uid = bytes(event.mimeData().data(SERIES_MIME).data()).decode()
                    beside = self._is_beside(event)
                    (self.series_dropped_beside if beside else self.series_dropped).emit(uid)
                return True
            paths = _dropped_paths(event.mimeData())
            if paths:
                event.acceptProposedAction()
                beside = self._is_beside(event)
                (self.dropped_beside if beside else self.dropped).emit(paths)
            return True
        return False

    def _is_beside(self, event: QDropEvent) -> bool:
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return True
        where, zone = event.position().toPoint(), self.beside_zone
        return (
            zone is not None
            and zone.isVisible()
            and zone.rect().contains(zone.mapFrom(self._window, where))
        )

    def _is_over_images(self, where: QPoint) -> bool:
        return self._images.rect().contains(self._images.mapFrom(self._window, where))

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
