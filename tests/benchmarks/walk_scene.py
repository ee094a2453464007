"""``Scene``: the window of a walk, its mouse and keys, and what all deeds need."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from event_loop import wait
from PySide6.QtCore import QPoint, QPointF, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMenu,
    QWidget,
)
from shiboken6 import isValid

from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.volume.volume_view import VolumeView
from fusion3d_gui.widgets.window.main_window import MainWindow
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay

LEFT, RIGHT, MIDDLE = (
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.RightButton,
    Qt.MouseButton.MiddleButton,
)
NONE, SHIFT, CTRL, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
)

#: Commands that open a file dialog or end the program, for which there are deeds of their own.
LEFT_OUT = {"open_folder", "open_file", "model", "export_marks", "save_result", "quit"}

_W = TypeVar("_W", bound=QWidget)

#: A walk's deeds by name: how often one is chosen, and what it does.
Deeds = dict[str, tuple[float, Callable[[], None]]]


class QtHands:
    """Mouse and keys as Qt's own events, straight to a widget; ``x_hands.XHands`` has real ones."""

    press = staticmethod(QTest.mousePress)
    release = staticmethod(QTest.mouseRelease)
    click = staticmethod(QTest.mouseClick)
    double = staticmethod(QTest.mouseDClick)
    move = staticmethod(QTest.mouseMove)
    key = staticmethod(QTest.keyClick)
    keys = staticmethod(QTest.keyClicks)

    def wheel(self, widget: QWidget, at: QPoint, turn: int, modifier) -> None:
        """Turn the wheel by eighths of a degree."""
        place = QPointF(at)
        event = QWheelEvent(
            place,
            widget.mapToGlobal(place),
            QPoint(),
            QPoint(0, turn),
            Qt.MouseButton.NoButton,
            modifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)


class Scene:
    """One window of a usual size, files to open, a folder to write to, mouse and keys, the seeded generator."""

    def __init__(
        self,
        window: MainWindow,
        hands,
        chance: random.Random,
        paths: Sequence[Path],
        broken: Sequence[Path],
        folder: Path,
        size: QSize,
    ) -> None:
        self.window, self.hands, self.chance = window, hands, chance
        self.paths, self.broken, self.folder = list(paths), list(broken), folder
        self.size = size

    def settle(self, seconds: float = 120.0) -> None:
        """Wait until no task is running."""
        session = self.window.session
        end = time.monotonic() + seconds
        lanes = (
            session.store.loading,
            session.store.inference,
            session.store.saving,
            session.store.browsing,
        )
        while any(lane.running for lane in lanes) and time.monotonic() < end:
            wait(10)

    def settle_or_give_up(self, seconds: float) -> None:
        """Wait so long for the model, then cancel, as an impatient reader does."""
        self.settle(seconds)
        self.window.session.store.inference.cancel()
        self.settle()

    # -- places -------------------------------------------------------------------------------

    def shown(self, kind: type[_W], within: QWidget | None = None) -> list[_W]:
        """Widgets of a kind that are on screen, in the window or a part of it."""
        found = (self.window if within is None else within).findChildren(kind)
        return [each for each in found if each.isVisible()]

    def any_of(self, kind: type[_W], within: QWidget | None = None) -> _W | None:
        """Any of them, if there is one."""
        shown = self.shown(kind, within)
        return self.chance.choice(shown) if shown else None

    def slice_view(self) -> SliceView | None:
        """Any slice view that is on screen, also one of several maps."""
        return self.any_of(SliceView)

    def any_view(self) -> QWidget | None:
        """Any view that is on screen, the 3D view too."""
        shown = [*self.shown(SliceView), *self.shown(VolumeView)]
        return self.chance.choice(shown) if shown else None

    def place(self, widget: QWidget) -> QPoint:
        """Anywhere in a widget."""
        return QPoint(
            self.chance.randrange(max(1, widget.width())),
            self.chance.randrange(max(1, widget.height())),
        )

    # -- mouse and keys -----------------------------------------------------------------------

    def drag(self, widget: QWidget, start: QPoint, end: QPoint, button=LEFT, modifier=NONE) -> None:
        """Press, move in three steps, let go; now and then Escape comes between."""
        self.hands.press(widget, button, modifier, start)
        for share in (0.3, 0.7, 1.0):
            if isValid(widget):  # an answer that comes meanwhile builds the maps' views anew
                self.hands.move(widget, start + (end - start) * share)
        if self.chance.random() < 0.05 and isValid(widget):
            self.hands.key(widget, Qt.Key.Key_Escape)
        self.hands.release(widget, button, modifier, end)

    def drag_within(self, widget: QWidget, button=LEFT, modifier=NONE) -> None:
        """Drag from anywhere in a widget to anywhere in it."""
        self.drag(widget, self.place(widget), self.place(widget), button, modifier)

    def turn_over(self, box: QComboBox) -> None:
        """The next choice of a box, or the one before, by the keyboard."""
        box.setFocus()
        self.hands.key(box, self.chance.choice((Qt.Key.Key_Down, Qt.Key.Key_Up)))

    def press(self, key: QKeySequence) -> None:
        """Strike a key where the keyboard is."""
        combination = key[0]
        for widget in (*self.shown(KeysOverlay), QApplication.focusWidget()):
            if widget is not None and widget.isVisible():
                self.hands.key(widget, combination.key(), combination.keyboardModifiers())
                return
        self.hands.key(self.window, combination.key(), combination.keyboardModifiers())

    def press_command(self, name: str) -> None:
        """Strike the key of a command, the keyboard being at a view as after a click into it."""
        view = self.slice_view()
        if view is not None:
            view.setFocus()
        self.press(self.window.menus.actions[name].shortcut())

    # -- menus and dialogs --------------------------------------------------------------------

    def is_covered(self) -> bool:
        """Whether a dialog or the list of keys lies over the views, or takes what is meant for them."""
        return bool(self.shown(QDialog) or self.shown(KeysOverlay))

    def close_overlays(self) -> None:
        """Close whatever lies over the window or beside it."""
        for each in (*self.shown(QDialog), *self.shown(KeysOverlay)):
            if isValid(each):  # closing one may have taken another along
                each.close()

    def is_allowed(self, action: QAction) -> bool:
        """Whether a walk may choose it in passing."""
        ids = (name for name, each in self.window.menus.actions.items() if each is action)
        return next(ids, None) not in LEFT_OUT

    def use_menu(self) -> None:
        """Go through the menu that has come up, choose from it or leave it."""
        for _ in range(3):
            menu = QApplication.activePopupWidget()
            if not isinstance(menu, QMenu):
                break
            items = [
                each
                for each in menu.actions()
                if each.isVisible() and each.isEnabled() and not each.isSeparator()
                if self.is_allowed(each)
            ]
            if not items or self.chance.random() < 0.15:
                self.hands.key(menu, Qt.Key.Key_Escape)
                break
            where = menu.actionGeometry(self.chance.choice(items)).center()
            self.hands.move(menu, where)
            self.hands.click(menu, LEFT, NONE, where)
            wait(2)
        while (popup := QApplication.activePopupWidget()) is not None:
            popup.close()

    def with_file_dialog(self, open_it: Callable[[], object], path: Path) -> bool:
        """Do what opens a dialog of files, type a path there and accept; whether one came up."""
        seen: list[bool] = []

        def answer() -> None:
            dialog = QApplication.activeModalWidget()
            if not isinstance(dialog, QFileDialog):
                return
            seen.append(True)
            dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
            line = dialog.findChild(QLineEdit, "fileNameEdit")
            line.setFocus()
            line.selectAll()
            self.hands.keys(line, str(path))
            self.hands.key(line, Qt.Key.Key_Return)
            QTimer.singleShot(300, give_up)

        def give_up() -> None:
            dialog = QApplication.activeModalWidget()
            if isinstance(dialog, QFileDialog):
                dialog.reject()

        QTimer.singleShot(60, answer)
        QTimer.singleShot(6000, give_up)
        open_it()
        end = time.monotonic() + 0.2
        while not seen and time.monotonic() < end:
            wait(10)
        return bool(seen)


class DeedGroup:
    """Deeds of one kind: each subclass names its own."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.chance, self.hands, self.window = scene.chance, scene.hands, scene.window

    def deeds(self) -> Deeds:
        """By name."""
        raise NotImplementedError
