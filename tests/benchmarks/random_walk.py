"""Drives the real window by seeded mouse and keys: ``python tests/benchmarks/random_walk.py``.

Prints exceptions, Qt's warnings, and how memory grew. Before the walk everything is done once that fills a store
made to be filled (a model, fonts, glyphs, icons, each kind of dialog): growth is counted from there.
With ``--real`` mouse and keys are those of an X server, as under
``xvfb-run -s "-screen 0 1600x1000x24" python tests/benchmarks/random_walk.py --real``. The test suite
runs a short walk.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import faulthandler
import gc
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

if "--real" not in sys.argv:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QPoint,
    QPointF,
    Qt,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtGui import QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QMessageBox,
    QSlider,
    QWidget,
)
from shiboken6 import isValid

from fusion3d_gui.imaging.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.tool import TOOLS
from fusion3d_gui.widgets.command_palette import CommandPalette
from fusion3d_gui.widgets.keys_overlay import KeysOverlay
from fusion3d_gui.widgets.main_window import MainWindow
from fusion3d_gui.widgets.tag_browser import TagBrowser
from fusion3d_gui.widgets.text_editor import MarkTextEditor
from fusion3d_gui.widgets.views_panel import Layout

#: Commands that open a dialog of the system, or end the program; the walk has its own way to export.
LEFT_OUT = {"open_folder", "open_file", "model", "export_marks", "save_result", "quit"}
BUTTONS_LEFT_OUT = {"Open folder…", "Open file…", "Other…", "Export…"}

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


class Walk:
    """One seeded walk over a window; ``step`` does one thing that a user could do."""

    def __init__(
        self,
        window: MainWindow,
        paths: Sequence[Path],
        folder: Path,
        seed: int,
        predict: float,
        hands=None,
    ) -> None:
        self.window, self.paths, self.folder = window, list(paths), folder
        self.hands = QtHands() if hands is None else hands
        self.chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.last = ""
        kinds: dict[str, tuple[float, Callable[[], None]]] = {
            "scroll": (8, self.scroll),
            "drag": (10, self.drag),
            "draw": (6, self.draw),
            "move": (5, self.move),
            "double": (1, self.double),
            "key": (10, self.key),
            "view_key": (4, self.view_key),
            "click": (5, self.click),
            "slide": (2, self.slide),
            "choose": (1, self.choose),
            "type": (3, self.type),
            "palette": (1, self.palette),
            "resize": (0.5, self.resize),
            "export": (0.3, self.export),
            "open": (0.4, self.open),
            "predict": (predict, self.predict),
        }
        self._names = list(kinds)
        self._weights = [weight for weight, _ in kinds.values()]
        self._deeds = {name: deed for name, (_, deed) in kinds.items()}

    def step(self) -> None:
        """Do one thing, and let the window answer."""
        name = self.chance.choices(self._names, self._weights)[0]
        self.last = name
        if not self.window.isVisible():
            self.window.show()  # a real click has hit "Quit"
        self._deeds[name]()
        self.done[name] += 1
        QApplication.processEvents()
        # What was closed is deleted now, as in a program whose event loop returns.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.check()

    def check(self) -> None:
        """What must hold whatever was done."""
        session = self.window.session
        prediction, case = session.current_prediction, session.case
        if prediction is not None:
            assert session.result is not None
            assert session.result.request.case is case, "a result on another case"
        if case is not None:
            low, high = case.volume.bounds_lps
            place = session.display.crosshair.position_lps
            assert ((place >= low - 1e-6) & (place <= high + 1e-6)).all(), "crosshair got out"
        for view in self.window.views.views:
            if view.slicer is not None and case is not None:
                assert np.shares_memory(view.slicer.volume.voxels, case.volume.voxels)
            assert np.isfinite(view.camera.scale), "zoom got lost"
            assert view.camera.scale > 0

    def settle(self, seconds: float = 60.0) -> None:
        """Wait until nothing is under way."""
        session = self.window.session
        end = time.monotonic() + seconds
        lanes = (session.loading, session.inference, session.saving, session.browsing)
        while any(lane.running for lane in lanes) and time.monotonic() < end:
            QTest.qWait(10)

    # -- what a user does ---------------------------------------------------------------------

    def _view(self) -> QWidget | None:
        shown = [view for view in self.window.views.views if view.isVisible()]
        return self.chance.choice(shown) if shown else None

    def _place(self, widget: QWidget) -> QPoint:
        return QPoint(
            self.chance.randrange(max(1, widget.width())),
            self.chance.randrange(max(1, widget.height())),
        )

    def scroll(self) -> None:
        """The wheel, over a view or the side panel."""
        widget: QWidget | None = self._view() if self.chance.random() < 0.9 else self.window.side
        if widget is None or not widget.isVisible():
            return
        modifier = self.chance.choices((NONE, CTRL, SHIFT, ALT), (8, 3, 1, 1))[0]
        turn = self.chance.choice((-360, -120, -15, 15, 120, 240))
        self.hands.wheel(widget, self._place(widget), turn, modifier)

    def drag(self) -> None:
        """Any button, with any modifier, from anywhere to anywhere."""
        view = self._view()
        if view is None:
            return
        button = self.chance.choices((LEFT, RIGHT, MIDDLE), (6, 2, 2))[0]
        modifier = self.chance.choices((NONE, SHIFT, CTRL), (8, 1, 1))[0]
        self._drag(view, button, modifier, self._place(view), self._place(view))

    def _drag(self, view: QWidget, button, modifier, start: QPoint, end: QPoint) -> None:
        self.hands.press(view, button, modifier, start)
        for share in (0.3, 0.7, 1.0):
            self.hands.move(view, start + (end - start) * share)
        if self.chance.random() < 0.05:
            self.hands.key(view, Qt.Key.Key_Escape)
        self.hands.release(view, button, modifier, end)

    def draw(self) -> None:
        """A tool by its key, then a drag or clicks."""
        view = self._view()
        if view is None:
            return
        tool = self.chance.choice(TOOLS)
        self._press(self.window.menus.actions[f"tool_{tool}"].shortcut())
        if self.chance.random() < 0.5:
            self._drag(view, LEFT, NONE, self._place(view), self._place(view))
        else:
            for _ in range(self.chance.randint(1, 4)):
                where = self._place(view)
                self.hands.move(view, where)
                self.hands.click(view, LEFT, NONE, where)

    def move(self) -> None:
        """The pointer wanders."""
        view = self._view()
        if view is not None:
            self.hands.move(view, self._place(view))

    def double(self) -> None:
        """A double click on a view."""
        view = self._view()
        if view is not None:
            where = self._place(view)
            self.hands.click(view, LEFT, NONE, where)
            self.hands.double(view, LEFT, NONE, where)

    def key(self) -> None:
        """The key of any command."""
        keys = [
            key
            for command in self.window.menus.commands
            if command.id not in LEFT_OUT
            for key in self.window.menus.actions[command.id].shortcuts()
        ]
        self._press(self.chance.choice(keys))

    def view_key(self) -> None:
        """A key that a view handles itself."""
        view = self._view()
        if view is not None:
            view.setFocus()
            names = ("Up", "Down", "PageUp", "PageDown", "Plus", "Minus", "Left", "Right", "Home")
            self.hands.key(view, getattr(Qt.Key, f"Key_{self.chance.choice(names)}"))

    def _press(self, key: QKeySequence) -> None:
        for widget in (*self.window.findChildren(KeysOverlay), QApplication.focusWidget()):
            if widget is not None and widget.isVisible():
                combination = key[0]
                self.hands.key(widget, combination.key(), combination.keyboardModifiers())
                return
        combination = key[0]
        self.hands.key(self.window, combination.key(), combination.keyboardModifiers())

    def click(self) -> None:
        """Any button that can be seen."""
        buttons = [
            button
            for button in self.window.findChildren(QAbstractButton)
            if button.isVisible() and button.isEnabled() and button.text() not in BUTTONS_LEFT_OUT
        ]
        # Clearing all marks and predicting have their own, smaller chances.
        buttons = [button for button in buttons if button.text() != "Predict"]
        if buttons:
            self.hands.click(self.chance.choice(buttons), LEFT)
        for dialog in self.window.findChildren(QDialog):
            if not isinstance(dialog, CommandPalette) and self.chance.random() < 0.5:
                dialog.close()

    def slide(self) -> None:
        """Any slider that can be seen, by mouse."""
        sliders = [each for each in self.window.findChildren(QSlider) if each.isVisible()]
        if sliders:
            slider = self.chance.choice(sliders)
            self._drag(slider, LEFT, NONE, self._place(slider), self._place(slider))

    def choose(self) -> None:
        """Any combo box, by its keys."""
        boxes = [
            each
            for each in self.window.findChildren(QComboBox)
            if each.isVisible() and each.isEnabled() and each.count() > 1
        ]
        if boxes:
            box = self.chance.choice(boxes)
            box.setFocus()
            self.hands.key(box, self.chance.choice((Qt.Key.Key_Down, Qt.Key.Key_Up)))

    def type(self) -> None:
        """Into any line that can be seen."""
        lines = [
            each
            for each in self.window.findChildren(QLineEdit)
            if each.isVisible() and each.isEnabled() and not each.isReadOnly()
        ]
        if not lines:
            return
        editors = [line for line in lines if isinstance(line, MarkTextEditor)]
        line = self.chance.choice(editors or lines)
        self.hands.click(line, LEFT)
        self.hands.keys(line, "".join(self.chance.choices("0123456789 aDm.-", k=3)))
        last = (Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backspace)
        self.hands.key(line, self.chance.choice(last))

    def palette(self) -> None:
        """Find a command by letters, and run it or not."""
        self.window.menus.actions["palette"].trigger()
        found = [each for each in self.window.findChildren(CommandPalette) if each.isVisible()]
        if not found:
            return
        palette = found[-1]
        self.hands.keys(palette.line, "".join(self.chance.choices("adefhilmnoprst", k=2)))
        for _ in range(self.chance.randrange(4)):
            self.hands.key(palette.line, Qt.Key.Key_Down)
        item = palette.list.currentItem()
        command = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        safe = command is not None and command.id not in LEFT_OUT | {"predict"}
        run = safe and self.chance.random() < 0.6
        self.hands.key(palette.line, Qt.Key.Key_Return if run else Qt.Key.Key_Escape)
        if isValid(palette):
            palette.close()
        for browser in self.window.findChildren(TagBrowser):
            browser.close()

    def resize(self) -> None:
        """Another size of the window."""
        self.window.resize(self.chance.randint(960, 1500), self.chance.randint(600, 950))

    def export(self) -> None:
        """The measurements, through the dialog."""
        if not self.window.menus.actions["export_marks"].isEnabled():
            return
        name = self.folder / f"marks.{self.chance.choice(('csv', 'json'))}"

        def accept() -> None:
            dialog = QApplication.activeModalWidget()
            if isinstance(dialog, QFileDialog):
                dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
                dialog.selectFile(str(name))
                dialog.accept()

        QTimer.singleShot(30, accept)
        QTimer.singleShot(2000, lambda: self._close_modal())
        self.window.menus.actions["export_marks"].trigger()

    def _close_modal(self) -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QFileDialog):
            dialog.reject()

    def open(self) -> None:
        """Another case, sometimes given up."""
        self.window.session.open(self.chance.choice(self.paths))
        if self.chance.random() < 0.8:
            self.settle()

    def predict(self) -> None:
        """Ask the model, sometimes give up, sometimes open another case meanwhile."""
        self.window.session.predict()
        if self.chance.random() < 0.7:
            self.settle()


def make_cases(folder: Path) -> list[Path]:
    """Three small scans: straight, anisotropic and oblique."""
    made = []
    for number, shape in enumerate(((40, 44, 36), (12, 60, 60), (30, 34, 38))):
        chance = np.random.default_rng(number)
        voxels = chance.normal(300, 60, shape)
        voxels[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] = 900
        affine = np.diag([3.0, 3.0, 10.0 if number == 1 else 3.5, 1.0])
        if number == 2:
            turn, _ = np.linalg.qr(chance.normal(size=(3, 3)))
            affine[:3, :3] = turn @ affine[:3, :3]
        affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
        path = folder / f"case{number}.nii.gz"
        write_nifti(Volume(voxels.astype(np.int16), affine, modality="MR"), path)
        made.append(path)
    return made


def warm_up(walk: Walk) -> None:
    """Do once whatever fills a store that is meant to be filled."""
    window, session = walk.window, walk.window.session
    for path in walk.paths:
        session.open(path)
        walk.settle()
        session.predict()
        walk.settle()
    for layout in Layout:
        window.views.set_layout(layout)
        QTest.qWait(20)
    window.views.set_layout(Layout.LARGE_AND_TWO)
    for deed in (
        window.toggle_theme,
        window.toggle_theme,
        *[partial(window.step_text, step) for step in (1, 1, 1, 0)],
        window.presentation.toggle,
        window.presentation.toggle,
        window.show_palette,
        window.show_keys,
    ):
        deed()
        QTest.qWait(20)
    for each in (*window.findChildren(CommandPalette), *window.findChildren(KeysOverlay)):
        each.close()
    for _ in range(300):
        walk.step()
    walk.settle()


def _resident_mb() -> float:
    """Memory of this process; what only waits to be given back has been given back."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc keeps freed pages, as it likes
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _close_strays() -> None:
    """A dialog of files that a real click has opened by its way is closed again."""
    dialog = QApplication.activeModalWidget()
    if isinstance(dialog, (QFileDialog, QMessageBox)):
        dialog.reject()


def main() -> int:
    """Walk, and print what happened; the exit status says whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true", help="mouse and keys of the X server")
    options = parser.parse_args()

    from fusion3d_gui.model.bundle_info import find_bundles
    from fusion3d_gui.shipped import models_dir
    from fusion3d_gui.state.session import Session
    from fusion3d_gui.widgets.theme import apply_theme

    faulthandler.enable()
    app = QApplication([])
    apply_theme(app)
    problems: list[str] = []

    def tell(problem: str) -> None:
        if problem not in problems:
            problems.append(problem)
            print(problem, flush=True)

    def on_message(kind, context, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and not text.startswith("This plugin does not support"):
            tell(f"Qt: {text}")

    sys.excepthook = lambda *error: tell("".join(traceback.format_exception(*error)))
    qInstallMessageHandler(on_message)
    hands = None
    if options.real:
        from x_hands import XHands  # beside this file

        hands = XHands()
    strays = QTimer()
    strays.timeout.connect(_close_strays)
    strays.start(3000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session = Session(find_bundles(models_dir()), device="cpu")
        window = MainWindow(session)
        window.show()
        walk = Walk(window, make_cases(folder), folder, options.seed, 0.2, hands)
        warm_up(walk)
        start, first = time.monotonic(), _resident_mb()
        print(f"     0 steps  {first:7.1f} MB", flush=True)
        for number in range(options.steps):
            try:
                walk.step()
            except AssertionError as error:
                tell(f"step {number} ({walk.last}): {error}")
            if len(problems) > 20:
                break
            if number % 1000 == 999:
                walk.settle()
                print(f"{number + 1:6d} steps  {_resident_mb():7.1f} MB", flush=True)
        walk.settle()
        last = _resident_mb()
        seconds = time.monotonic() - start
        window.close()
        ended = session.close()
    print(dict(walk.done))
    growth = 100 * (last / first - 1)
    print(
        f"{options.steps} steps, seed {options.seed}, {app.platformName()}: {len(problems)} problems,"
        f" {seconds:.0f} s, {first:.1f} -> {last:.1f} MB ({growth:+.1f} %), threads ended: {ended}"
    )
    return 1 if problems or growth > 5 or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
