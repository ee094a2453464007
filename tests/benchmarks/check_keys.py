"""Check the keyboard shortcuts as an X server sends them: ``xvfb-run -s "-screen 0 1600x1000x24" python tests/benchmarks/check_keys.py``.

Prints what a key should have done and did not; exit status 1 if there was any.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from x_desk import LEFT, Desk  # beside this file

from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle.bundle_info import find_bundles
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.state.marks.tool import TOOLS
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
KEYS = Qt.Key
LETTERS = "VDARETXMSBCWIKQHNPGO"


class Check(Desk):
    """A window with a scan."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Session(find_bundles(models_dir()), device="cpu"))
        voxels = np.random.default_rng(0).normal(300, 60, (24, 40, 40)).astype(np.int16)
        affine = np.diag([3.0, 3.0, 4.0, 1.0])
        write_nifti(Volume(voxels, affine, modality="MR"), folder / "scan.nii.gz")
        self.session.opener.open(folder / "scan.nii.gz")
        self.wait(lambda: not self.session.store.loading.running)
        self.view = self.window.views.axial
        self.wait(self.view.isVisible)

    # -- what is looked at --------------------------------------------------------------------

    def tools_from_everywhere(self) -> None:
        """Single keys work wherever the focus is that takes no text."""
        window = self.window
        places = [self.view, window.views.coronal, window.strip, window.status, window.side]
        for place in places:
            at = QPoint(place.width() // 2, place.height() - 3)
            if place is window.strip:
                at = QPoint(place.width() // 2, place.height() // 2)
            self.hands.click(place, LEFT, at=at)
            self.key(KEYS.Key_V)
            for name in TOOLS[1:]:
                key = window.menus.actions[f"tool_{name}"].shortcut()[0]
                self.key(key.key(), key.keyboardModifiers())
                what = f"{key.key()} after a click on {type(place).__name__}"
                self.wait(lambda name=name: self.session.tool.name == name, what)
            self.key(KEYS.Key_Escape)
            self.wait(lambda: self.session.tool.name == "crosshair", "Escape puts the tool away")

    def typing(self) -> None:
        """No letter that is typed into a field does anything else."""
        window, session = self.window, self.session
        state = (session.tool.name, session.display.window_level.window, window.side.isVisible())
        panels = (window.marks.isVisible(), session.display.window_level.inverted)
        lines = [line for line in window.findChildren(QLineEdit) if line.isVisible()]
        for line in lines:
            self.hands.click(line, LEFT)
            if not line.hasFocus():
                continue  # under another part of the side panel
            self.hands.keys(line, LETTERS.lower())
            self.hands.keys(line, "[]?.,12")
            for overlay in window.findChildren(KeysOverlay):
                self.wrong.append("a question mark typed into a field opened the list of keys")
                overlay.close()
            now = (session.tool.name, session.display.window_level.window, window.side.isVisible())
            if now != state or panels != (
                window.marks.isVisible(),
                session.display.window_level.inverted,
            ):
                self.wrong.append(f"typing into {line.accessibleName()!r} set something off")
            self.hands.click(self.view, LEFT, at=QPoint(60, 60))
        if not lines:
            self.wrong.append("there was no field to type into")

    def delete_after_palette(self) -> None:
        """The palette gives the keyboard back, so that Del takes the mark drawn last away."""
        marks = self.session.annotations
        self.key(KEYS.Key_K, CTRL)
        self.wait(lambda: bool(self._palettes()), "Ctrl+K opens the palette")
        self.hands.keys(self.window, "distance")
        self.key(KEYS.Key_Return)
        self.wait(lambda: self.session.tool.name == "distance", "the palette chooses a tool")
        self.wait(self.window.isActiveWindow, "the palette gives the keyboard back")
        self.drag(self.view, QPoint(80, 80), QPoint(160, 140))
        self.wait(lambda: len(marks.items) == 1, "a real drag draws a distance")
        self.key(KEYS.Key_K, CTRL)
        self.wait(lambda: bool(self._palettes()), "Ctrl+K opens the palette again")
        self.key(KEYS.Key_Escape)
        self.wait(self.window.isActiveWindow, "Escape closes the palette")
        self.key(KEYS.Key_Delete)
        self.wait(lambda: not marks.items, "Del deletes after the palette was used")
        self.key(KEYS.Key_Z, CTRL)
        self.wait(lambda: len(marks.items) == 1, "Ctrl+Z brings the mark back")
        self.key(KEYS.Key_Z, CTRL | SHIFT)
        self.wait(lambda: not marks.items, "Ctrl+Shift+Z takes it away again")
        self.key(KEYS.Key_Escape)

    def _palettes(self) -> list[CommandPalette]:
        """Those that have the keyboard."""
        return [each for each in self.window.findChildren(CommandPalette) if each.isActiveWindow()]

    def presentation(self) -> None:
        """F11 asks for the whole screen (that it gets it takes a window manager) and comes back."""
        window, before = self.window, self.window.geometry()
        self.key(KEYS.Key_F11)
        self.wait(lambda: window.presentation.on, "F11 presents")
        self.wait(window.isFullScreen, "the presentation asks for the whole screen")
        self.key(KEYS.Key_F11)
        self.wait(lambda: not window.presentation.on, "F11 ends it")
        self.wait(lambda: window.geometry() == before, "the window is where it was")

    def lists(self) -> None:
        """``?`` lists the keys and the next key sends the list away and does nothing else."""
        window = self.window
        self.key(KEYS.Key_Question)
        self.wait(lambda: bool(window.findChildren(KeysOverlay)), "? lists the keys")
        self.key(KEYS.Key_D)
        self.wait(lambda: not window.findChildren(KeysOverlay), "a key sends the list away")
        if self.session.tool.name != "crosshair":
            self.wrong.append("the key that closed the list chose a tool")
        for _ in window.findChildren(TagBrowser):
            self.wrong.append("a tag browser is open")

    def quit(self) -> None:
        """Ctrl+Q ends it."""
        self.key(KEYS.Key_Q, CTRL)
        self.wait(lambda: not self.window.isVisible(), "Ctrl+Q quits")


def main() -> int:
    """Look at everything."""
    app = QApplication([])
    apply_theme(app)
    sys.excepthook = lambda *error: (check.wrong.append(repr(error[1])), sys.__excepthook__(*error))
    with tempfile.TemporaryDirectory() as name:
        check = Check(Path(name))
        for deed in (
            check.tools_from_everywhere,
            check.typing,
            check.delete_after_palette,
            check.presentation,
            check.lists,
            check.quit,
        ):
            deed()
        ended = check.session.close()
    for each in check.wrong:
        print(each)
    print(f"{len(check.wrong)} wrong, {check.hands.missed} clicks found another widget")
    return 1 if check.wrong or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
