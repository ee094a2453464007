"""``Desk``: a window under an X server, with hands, patience, and a list of what went wrong."""

from __future__ import annotations

from pathlib import Path

from event_loop import wait
from PySide6.QtCore import QMimeData, QPoint, Qt, QTimer, QUrl
from PySide6.QtGui import QDrag, QMouseEvent
from PySide6.QtWidgets import QLabel, QWidget
from x_hands import XHands  # beside this file

from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.window.main_window import MainWindow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_NONE = Qt.KeyboardModifier.NoModifier


class Desk:
    """Deeds are done as a user does them; what should follow is waited for, and noted where it does not come."""

    def __init__(self, session: Session, demos=()) -> None:
        self.wrong: list[str] = []
        self.hands = XHands()
        self.session = session
        self.window = MainWindow(session, demos)
        self.window.move(20, 20)
        self.window.show()
        self.has_keyboard()

    def has_keyboard(self) -> None:
        """Without a window manager the keyboard must be asked for, until the server is ready."""
        for _ in range(100):
            self.window.activateWindow()
            wait(20)
            if self.window.isActiveWindow():
                return
        self.wrong.append("the window got no keyboard")

    def wait(self, done, what: str = "") -> None:
        """Wait for it; where it does not come, that is wrong."""
        for _ in range(1500):
            if done():
                return
            wait(2)
        if what:
            self.wrong.append(what)

    def settle(self) -> None:
        """Wait until nothing is read or computed any more, and the views are painted."""
        store = self.session.store
        for _ in range(6000):
            if not (store.loading.running or store.inference.running):
                break
            wait(10)
        self.wait(lambda: self.window.views.is_settled or not self.window.views.isVisible())
        wait(50)

    def check(self, is_right: bool, what: str) -> None:
        """Note what is wrong."""
        if not is_right:
            self.wrong.append(what)

    def key(self, key, modifiers=_NONE) -> None:
        """Strike a key: whoever has the keyboard gets it."""
        self.hands.key(self.window, key, modifiers)

    def drag(self, view: QWidget, start: QPoint, end: QPoint, button=LEFT) -> None:
        """Drag within a view."""
        self.hands.press(view, button, at=start)
        for step in (0.3, 0.6, 1.0):
            self.hands.move(view, start + (end - start) * step)
        self.hands.release(view, button, at=end)

    def drop(self, *paths: Path) -> None:
        """Drag files from another window into this one, through the server's drag and drop."""
        source = _FileManager(paths)
        source.setGeometry(self.window.geometry().right() + 20, 40, 160, 60)
        source.show()
        self.wait(source.isVisible)
        wait(100)
        target = self.window.pages

        def carry() -> None:
            # While the drag has its own event loop.
            for share in (0.3, 0.4, 0.5):
                at = QPoint(int(target.width() * share), int(target.height() * share))
                self.hands.move(target, at)
                wait(60)
            self.hands.release(target, LEFT, at=at)

        self.hands.press(source, LEFT)
        QTimer.singleShot(150, source, carry)
        self.hands.move(source, source.rect().center() + QPoint(30, 0))
        self.wait(lambda: source.is_done, "a drag of files ended")
        source.close()
        source.deleteLater()
        self.has_keyboard()


class _FileManager(QLabel):
    """Another window, out of which files can be dragged."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        super().__init__("\n".join(path.name for path in paths))
        self._paths = paths
        self.is_done = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Begin to drag."""
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in self._paths])
        drag = QDrag(self)
        drag.setMimeData(mime)
        drag.exec(Qt.DropAction.CopyAction)
        self.is_done = True
