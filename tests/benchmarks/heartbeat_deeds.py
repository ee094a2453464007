"""What is done to the window while its heartbeat is listened to, in an order in which one leads to the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.demo_cases import demo_cases
from fusion3d_gui.state.measurement_export import export_measurements
from fusion3d_gui.widgets.command_palette import CommandPalette
from fusion3d_gui.widgets.keys_overlay import KeysOverlay
from fusion3d_gui.widgets.main_window import MainWindow
from fusion3d_gui.widgets.sanity_dialog import SanityDialog
from fusion3d_gui.widgets.tag_browser import TagBrowser
from fusion3d_gui.widgets.volume_view import VolumeView

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_NONE = Qt.KeyboardModifier.NoModifier
_LONGEST_S = 120.0


class Deeds:
    """The interactions of a window, on a series in ``folder``; what is exported goes to ``out``."""

    def __init__(self, window: MainWindow, folder: Path, out: Path) -> None:
        self.window, self.session = window, window.session
        self.folder, self.out = folder, out

    def by_title(self) -> dict[str, Callable[[], object]]:
        """All of them."""
        return self._reading() | self._marks() | self._model() | self._looks() | self._panels()

    def settle(self) -> None:
        """Wait until nothing that was set off is under way."""
        session, window = self.session, self.window
        lanes = session.loading, session.inference, session.saving
        end = time.monotonic() + _LONGEST_S
        QTest.qWait(60)
        while time.monotonic() < end:
            shown = window.views.isVisible()
            busy = any(lane.running for lane in lanes) or window.restyling.is_busy
            if not busy and (window.views.is_settled or not shown):
                return
            QTest.qWait(5)

    # -- how they are done --------------------------------------------------------------------

    def run(self, *commands: str) -> None:
        """Commands of the menus, a moment apart."""
        for name in commands:
            self.window.menus.actions[name].trigger()
            QTest.qWait(30)

    def drag(self, widget: QWidget, button: Qt.MouseButton = LEFT, steps: int = 40) -> None:
        """From near one corner of a widget to near the opposite one."""
        start, end = QPoint(60, 60), QPoint(widget.width() - 60, widget.height() - 60)
        QTest.mousePress(widget, button, _NONE, start)
        for step in range(steps):
            QTest.mouseMove(widget, start + (end - start) * step / steps)
            QTest.qWait(5)
        QTest.mouseRelease(widget, button, _NONE, end)

    def draw(self, tool: str) -> None:
        """A mark across the axial view."""
        self.session.tool.choose(tool)
        self.drag(self.window.views.axial)
        self.session.tool.choose("crosshair")

    def close(self, kind: type[QWidget]) -> None:
        """Every dialog of this kind."""
        for each in self.window.findChildren(kind):
            each.close()

    # -- which there are ----------------------------------------------------------------------

    def _reading(self) -> dict[str, Callable[[], object]]:
        views = self.window.views

        def scroll() -> None:
            for _ in range(40):
                views.axial.step(1)
                QTest.qWait(5)

        def move_splitter() -> None:
            shown = views._outer.sizes()
            for step in range(0, 120, 6):
                views._outer.setSizes([0, shown[1] - step, shown[2] + step])
                QTest.qWait(5)

        return {
            "open 512 x 512 x 300": lambda: self.session.open(self.folder),
            "scroll": scroll,
            "drag the crosshair": lambda: self.drag(views.axial),
            "drag the window": lambda: self.drag(views.axial, RIGHT),
            "colours of the anatomy": partial(
                self.run, "colors_viridis", "invert", "invert", "colors_gray"
            ),
            "drag the splitter": move_splitter,
            "slab of 20 mm": lambda: self.session.display.slab.set_thickness(20.0),
            "scroll in the slab": scroll,
            "no slab": lambda: self.session.display.slab.set_thickness(0.0),
            "cine": lambda: (self.run("cine"), QTest.qWait(500), self.run("cine")),
        }

    def _marks(self) -> dict[str, Callable[[], object]]:
        marks = self.session.annotations

        def turn_planes() -> None:
            self.run(*["turn_left"] * 10)

        return {
            "draw a distance": partial(self.draw, "distance"),
            "draw a large rectangle": partial(self.draw, "rectangle"),
            "turn the planes": turn_planes,
            "draw a large ellipse, oblique": partial(self.draw, "ellipse"),
            "table of marks": partial(self.run, "marks"),
            "export the measurements": lambda: export_measurements(
                self.session, self.out / "marks.json"
            ),
            "undo all": lambda: [marks.undo() for _ in range(4)],
            "straighten": partial(self.run, "straighten"),
        }

    def _model(self) -> dict[str, Callable[[], object]]:
        session, window = self.session, self.window

        def fill_in() -> None:
            for age in range(50, 80, 2):
                session.form.set_value("age", age)
                QTest.qWait(15)

        def switch_model() -> None:
            others = [each for each in session.bundles if each is not session.bundle]
            session.choose_bundle(others[0])

        def switch_back() -> None:
            session.choose_bundle(session.bundles[0])
            session.predict()

        comparison = session.comparison
        return {
            "predict (torch is imported)": session.predict,
            "predict again": session.predict,
            "fill in the form, what if": fill_in,
            "predict as filled in": session.predict,
            "drag the window over the map": lambda: self.drag(window.views.axial, RIGHT),
            "colours of the map, contours": partial(
                self.run, "heat_viridis", "contours", "contours", "heat_inferno"
            ),
            "hot spots": partial(self.run, "next_spot", "next_spot", "previous_spot"),
            "check the map": session.check_map,
            "the checks go": lambda: self.close(SanityDialog),
            "ask every model": comparison.start,
            "maps beside each other": lambda: comparison.show_maps(True),
            "scan alone again": lambda: comparison.show_maps(False),
            "another model": switch_model,
            "the first model again": switch_back,
        }

    def _looks(self) -> dict[str, Callable[[], object]]:
        window = self.window

        def resize() -> None:
            for step in range(20):
                window.resize(1280 - 10 * step, 800 - 6 * step)
                QTest.qWait(5)
            window.resize(1280, 800)

        def turn_volume() -> None:
            for _ in range(20):
                window.views.volume.turn(3.0, 0.5)
                QTest.qWait(5)

        return {
            "resize": resize,
            "layouts": partial(self.run, "layout_three", "layout_side_by_side"),
            "layout with 3D": partial(self.run, "layout_grid"),
            "turn in 3D": turn_volume,
            "projection in 3D": partial(self.run, "surface"),
            "3D alone": lambda: window.views.toggle_maximised(window.findChild(VolumeView)),
            "large and two": partial(self.run, "layout_large_and_two"),
            "light theme": window.toggle_theme,
            "larger text": lambda: window.step_text(1),
            "usual text": lambda: window.step_text(0),
            "dark theme": window.toggle_theme,
            "presentation": partial(self.run, "presentation"),
            "presentation ends": partial(self.run, "presentation"),
        }

    def _panels(self) -> dict[str, Callable[[], object]]:
        window, session = self.window, self.session

        def find() -> None:
            window.show_palette()
            palette = window.findChildren(CommandPalette)[-1]
            for letter in "thresh":
                QTest.keyClicks(palette.line, letter)
                QTest.qWait(20)

        positive = demo_cases()[0]
        return {
            "list of keys": window.show_keys,
            "list of keys goes": lambda: self.close(KeysOverlay),
            "command palette": find,
            "command palette goes": lambda: self.close(CommandPalette),
            "DICOM tags": window.show_tags,
            "DICOM tags go": lambda: self.close(TagBrowser),
            "panels": partial(self.run, "side", "side", "marks", "marks"),
            "hide the patient": partial(self.run, "anonymous", "anonymous"),
            "start screen": partial(self.run, "start", "start"),
            "another case, with its answer": lambda: session.open_demo(positive),
            "the first case again": lambda: session.open(self.folder),
        }
