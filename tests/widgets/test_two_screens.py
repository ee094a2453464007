"""A window on the second of two screens, which is twice as fine: what it opens, how sharp it is, and where
it comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

LEFT = {"name": "LEFT", "x": 0, "y": 0, "width": 1600, "height": 1000, "dpr": 1}
#: In its own pixels: as large as the left one, each point two pixels wide.
RIGHT = {"name": "RIGHT", "x": 1600, "y": 0, "width": 3200, "height": 2000, "dpr": 1}
DPI = {"logicalDpi": 96, "logicalBaseDpi": 96}

#: What both runs begin with; a session without a model is enough to read a scan.
BEGIN = """
import json, sys
from pathlib import Path
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.window.main_window import MainWindow
from fusion3d_gui.widgets.look.theme import apply_theme

app = QApplication([])
apply_theme(app)
folder, seen = Path(sys.argv[1]), {}
session = Session([], device="cpu")

def opened():
    window = MainWindow(session, settings=Settings(folder / "settings.json"))
    window.show()
    QTest.qWait(50)
    return window

def where(widget):
    shape = widget.geometry()
    return [widget.screen().name(), shape.x(), shape.y(), shape.width(), shape.height()]

def end():
    print(json.dumps(seen))
    assert session.close()
"""

ON_BOTH = """
import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QImage
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser

def picture(window):
    window.activateWindow()  # the view with the keys has a border
    window.views.axial.setFocus()
    QTest.qWait(30)
    while not window.views.is_settled:
        QTest.qWait(10)
    image = window.views.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., :3].astype(int)

window = opened()
seen["at first"] = where(window)
voxels = np.random.default_rng(0).integers(0, 900, (12, 40, 44)).astype(np.int16)
write_dicom_series(
    Volume(voxels, np.diag([4.0, 4.0, 9.0, 1.0]), modality="CT", description="Noise"),
    folder / "scan", attributes={}, uid_seed="two screens",
)
def read():
    session.opener.open(folder / "scan")
    while session.store.loading.running:
        QTest.qWait(10)

read()
coarse = picture(window)
window.move(1700, 60)
fine = picture(window)
seen["moved"] = where(window)
seen["pixels"] = [list(each.shape[:2]) for each in (coarse, fine)]

window.presentation.toggle()
QTest.qWait(50)
seen["presenting"] = where(window)
window.presentation.toggle()
QTest.qWait(50)
seen["afterwards"] = where(window)

def dialog(name, found):
    QTest.qWait(30)
    seen[name] = where(found())
    found().close()
    QTest.qWait(10)

window.menus.actions["palette"].trigger()
dialog("palette", lambda: window.findChildren(CommandPalette)[-1])
window.menus.actions["tags"].trigger()
dialog("tags", lambda: window.findChildren(TagBrowser)[-1])
window.menus.actions["about"].trigger()
dialog("about", app.activeModalWidget)
window.menus.actions["slab_mm"].trigger()
dialog("slab", app.activeModalWidget)
window.views.axial.menu_requested.emit(window.views.axial.rect().center())
dialog("menu", app.activePopupWidget)
QTimer.singleShot(50, lambda: dialog("file", app.activeModalWidget))
window.files.open_file()

fine_again = picture(window)
window.close()
second = opened()
read()
seen["second"] = where(second)
seen["differs when it came from the other screen"] = float((picture(second) != fine_again).mean())
second.move(100, 60)
seen["differs when it went back"] = float((picture(second) != coarse).mean())
second.move(1700, 60)
QTest.qWait(50)
second.close()
end()
"""

ON_ONE = """
window = opened()
seen["at first"] = where(window)
window.close()
end()
"""


def run(script: str, folder: Path, *screens: dict[str, Any]) -> dict[str, Any]:
    """What the script saw on these screens."""
    config = folder / "screens.json"
    config.write_text(json.dumps({"screens": [each | DPI for each in screens]}))
    # The plug-in's own ratio does not reach its windows; Qt's factor does, as on a desktop of mixed screens.
    factors = {"QT_SCREEN_SCALE_FACTORS": "LEFT=1;RIGHT=2"}
    platform = {"QT_QPA_PLATFORM": f"offscreen:configfile={config}", "FUSION3D_OPENGL": "off"}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script, str(folder)],
        env=os.environ | platform | factors,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("two screens")


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, Any]:
    return run(ON_BOTH, folder, LEFT, RIGHT)


def test_a_window_that_moves_to_a_finer_screen_is_drawn_anew_in_its_pixels(seen):
    assert seen["at first"][0] == "LEFT"
    assert seen["moved"] == ["RIGHT", 1702, 62, 1280, 800]
    coarse, fine = seen["pixels"]
    assert fine == [2 * each for each in coarse]
    # Not one pixel tells that it has not always been there, nor when it went back.
    assert seen["differs when it came from the other screen"] == 0
    assert seen["differs when it went back"] == 0


def test_presentation_fills_the_screen_of_the_window_and_gives_its_place_back(seen):
    assert seen["presenting"] == ["RIGHT", 1600, 0, 1600, 1000]
    assert seen["afterwards"] == seen["moved"]


@pytest.mark.parametrize("name", ["palette", "tags", "about", "slab", "menu", "file"])
def test_what_a_window_opens_comes_up_over_it_on_its_screen(seen, name):
    screen, left, top, width, height = seen[name]
    assert screen == "RIGHT"
    _, x, y, across, down = seen["moved"]
    assert x <= left < left + width <= x + across
    # A menu that is opened low may reach below the window, on the same screen.
    assert y <= top < top + height <= (1000 if name == "menu" else y + down)


def test_dialogs_are_as_large_on_a_finer_screen(seen):
    assert seen["palette"][3:] == [560, 400]
    assert seen["tags"][3:] == [820, 620]


def test_a_window_comes_back_on_the_screen_where_it_was_left(seen):
    assert seen["second"] == seen["moved"]


def test_a_window_whose_screen_is_gone_comes_back_on_the_one_that_is_left(seen, folder):
    name, x, y, width, height = run(ON_ONE, folder, LEFT)["at first"]
    assert (name, width, height) == ("LEFT", 1280, 800)
    assert 0 <= x <= x + width <= 1600
    assert 0 <= y <= y + height <= 1000


def test_on_a_small_screen_all_of_the_window_is_there(tmp_path):
    small = LEFT | {"width": 1366, "height": 720}
    assert run(ON_ONE, tmp_path, small)["at first"][3:] == [1280, 720]
