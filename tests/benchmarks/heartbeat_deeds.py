"""The interactions that ``bench_heartbeat.py`` times, in an order in which one leads to the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from event_loop import wait
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QSplitterHandle, QWidget

from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.state.export.measurement_export import export_measurements
from fusion3d_gui.widgets.side.sanity_dialog import SanityDialog
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser
from fusion3d_gui.widgets.window.main_window import MainWindow
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
_NONE = Qt.KeyboardModifier.NoModifier
_LONGEST_S = 120.0


class Deed(NamedTuple):
    """An interaction, and whether it had its effect: one that failed would be fast."""

    do: Callable[[], object]
    holds: Callable[[], object]


class Deeds:
    """The interactions of a window, on a CT-like series and a folder of two short ones."""

    def __init__(self, window: MainWindow, series: Path, two_series: Path, out: Path) -> None:
        self.window, self.session = window, window.session
        self.series, self.two_series, self.out = series, two_series, out
        self._failures: list[Exception] = []
        self.session.store.failed.connect(self._failures.append)

    def by_title(self) -> dict[str, Deed]:
        """All of them."""
        return self._reading() | self._marks() | self._model() | self._looks() | self._panels()

    def came_about(self, deed: Deed) -> bool:
        """Whether the last interaction had its effect, without an error on the way."""
        failed = bool(self._failures)
        self._failures.clear()
        return bool(deed.holds()) and not failed

    def settle(self) -> None:
        """Wait until every task that was started has ended."""
        session, window = self.session, self.window
        lanes = (
            session.store.loading,
            session.store.inference,
            session.store.saving,
            session.store.browsing,
            session.store.listing,
        )
        end = time.monotonic() + _LONGEST_S
        wait(60)
        while time.monotonic() < end:
            shown = window.views.isVisible()
            busy = any(lane.running for lane in lanes) or window.restyling.is_busy
            if not busy and (window.views.is_settled or not shown):
                return
            wait(5)

    # -- how they are done --------------------------------------------------------------------

    def run(self, *commands: str) -> None:
        """Commands of the menus, a moment apart."""
        for name in commands:
            self.window.menus.actions[name].trigger()
            wait(30)

    def drag(self, widget: QWidget, button: Qt.MouseButton = LEFT, steps: int = 40) -> None:
        """From near one corner of a widget to near the opposite one."""
        start, end = QPoint(60, 60), QPoint(widget.width() - 60, widget.height() - 60)
        QTest.mousePress(widget, button, _NONE, start)
        for step in range(steps):
            QTest.mouseMove(widget, start + (end - start) * step / steps)
            wait(5)
        QTest.mouseRelease(widget, button, _NONE, end)

    def scroll(self) -> None:
        """Through forty slices."""
        for _ in range(40):
            self.window.views.axial.cycle()
            wait(5)

    def place(self) -> tuple[float, ...]:
        """Where the crosshair is, mm LPS."""
        return tuple(self.session.display.crosshair.position_lps)

    def draw(self, tool: str) -> None:
        """A mark across the axial view."""
        self.session.tool.choose(tool)
        self.drag(self.window.views.axial)
        self.session.tool.choose("crosshair")

    def close(self, kind: type[QWidget]) -> None:
        """Every dialog of this kind."""
        for each in self.window.findChildren(kind):
            each.close()

    def shows(self, kind: type[QWidget]) -> bool:
        """Whether a widget of this kind is on screen."""
        return any(each.isVisible() for each in self.window.findChildren(kind))

    def turned(self, do: Callable[[], object], what: Callable[[], object]) -> Deed:
        """A deed after which ``what`` is another than before."""
        before: list[object] = []
        return Deed(lambda: (before.append(what()), do()), lambda: what() != before[-1])

    # -- which there are ----------------------------------------------------------------------

    def _reading(self) -> dict[str, Deed]:
        window, session, views = self.window, self.session, self.window.views
        slab, level = session.display.slab, session.display.window_level

        def move_splitter() -> None:
            handle = views.findChildren(QSplitterHandle)
            shown = next(each for each in handle if each.isVisible() and each.width() < 20)
            QTest.mousePress(shown, LEFT, _NONE, QPoint(2, 100))
            for _ in range(20):
                # The handle follows the pointer.
                QTest.mouseMove(shown, QPoint(-6, 100))
                wait(5)
            QTest.mouseRelease(shown, LEFT, _NONE, QPoint(2, 100))

        return {
            "open 512 x 512 x 300": Deed(
                lambda: session.opener.open(self.series), lambda: self._is_open((300, 512, 512))
            ),
            "scroll": self.turned(self.scroll, self.place),
            "drag the crosshair": self.turned(lambda: self.drag(views.axial), self.place),
            "drag the window": self.turned(
                lambda: self.drag(views.axial, RIGHT), lambda: level.window
            ),
            "colours of the anatomy": Deed(
                partial(self.run, "colors_viridis", "invert", "invert", "colors_gray"),
                lambda: not level.inverted,
            ),
            "drag the splitter": self.turned(move_splitter, lambda: views.axial.width()),
            "slab of 20 mm": Deed(
                lambda: slab.set_thickness(20.0), lambda: slab.slab.thickness_mm == 20.0
            ),
            "scroll in the slab": self.turned(self.scroll, self.place),
            "no slab": Deed(lambda: slab.set_thickness(0.0), lambda: slab.slab.thickness_mm == 0.0),
            "cine": self.turned(
                lambda: (self.run("cine"), wait(500), self.run("cine")), self.place
            ),
            "larger window": Deed(lambda: window.resize(1400, 860), lambda: window.width() == 1400),
            "usual window": Deed(lambda: window.resize(1280, 800), lambda: window.width() == 1280),
        }

    def _is_open(self, shape_kji: tuple[int, int, int]) -> bool:
        case = self.session.store.case
        return case is not None and case.volume.shape == shape_kji

    def _coronal_plane(self) -> list[list[float]]:
        return self.session.display.planes.matrix("Coronal").tolist()

    def _marks(self) -> dict[str, Deed]:
        marks = self.session.annotations
        file = self.out / "marks.json"

        def count() -> int:
            return len(marks.items)

        return {
            "draw a distance": Deed(partial(self.draw, "distance"), lambda: count() == 1),
            "draw a large rectangle": Deed(partial(self.draw, "rectangle"), lambda: count() == 2),
            "turn the planes": self.turned(
                lambda: self.run(*["turn_left"] * 10),
                self._coronal_plane,
            ),
            "draw a large ellipse, oblique": Deed(
                partial(self.draw, "ellipse"), lambda: count() == 3
            ),
            "table of marks": Deed(
                partial(self.run, "marks"), lambda: self.window.marks.isVisible()
            ),
            "export the measurements": Deed(
                lambda: export_measurements(self.session.store, self.session.annotations, file),
                file.is_file,
            ),
            "undo all": Deed(lambda: [marks.undo() for _ in range(4)], lambda: count() == 0),
            "straighten": self.turned(partial(self.run, "straighten"), self._coronal_plane),
        }

    def _model(self) -> dict[str, Deed]:
        session, window = self.session, self.window
        comparison, beside, overlay = (
            session.model_comparison,
            session.side_by_side,
            session.display.overlay,
        )

        def fill_in() -> None:
            for age in range(50, 80, 2):
                session.form.set_value("age", age)
                wait(15)

        def switch_model() -> None:
            others = [each for each in session.models.bundles if each is not session.store.bundle]
            session.models.choose_and_load(others[0])

        def switch_back() -> None:
            session.models.choose_and_load(session.models.bundles[0])
            session.predictions.predict()

        def answered() -> bool:
            return session.predictions.current is not None

        return {
            "predict (torch is imported)": Deed(session.predictions.predict, answered),
            "predict again": Deed(session.predictions.predict, answered),
            "fill in the form, what if": Deed(
                fill_in, lambda: session.form.values["age"] == 78 and not answered()
            ),
            "predict as filled in": Deed(session.predictions.predict, answered),
            "drag the window over the map": self.turned(
                lambda: self.drag(window.views.axial, RIGHT),
                lambda: session.display.window_level.window,
            ),
            "colours of the map, contours": Deed(
                partial(self.run, "heat_viridis", "contours", "contours", "heat_inferno"),
                lambda: overlay.color_map == "Inferno" and not overlay.contours,
            ),
            "hot spots": Deed(
                partial(self.run, "next_spot", "next_spot", "previous_spot"),
                lambda: session.hot_spots.current is not None,
            ),
            "check the map": Deed(session.explainer.check, lambda: self.shows(SanityDialog)),
            "the checks go": Deed(
                lambda: self.close(SanityDialog), lambda: not self.shows(SanityDialog)
            ),
            "scroll while the map is checked": self.turned(
                lambda: (session.explainer.check(), [self.scroll() for _ in range(7)]), self.place
            ),
            "these checks go": Deed(
                lambda: self.close(SanityDialog), lambda: not self.shows(SanityDialog)
            ),
            "ask every model": Deed(
                comparison.start, lambda: len(comparison.predictions) == len(session.models.bundles)
            ),
            "maps beside each other": Deed(
                lambda: comparison.show_maps(True), lambda: beside.shows(comparison)
            ),
            "scan alone again": Deed(
                lambda: comparison.show_maps(False), lambda: not beside.shows(comparison)
            ),
            "another model": self.turned(switch_model, lambda: session.store.bundle),
            "the first model again": Deed(switch_back, answered),
        }

    def _looks(self) -> dict[str, Deed]:
        window = self.window
        views, settings = window.views, window.settings

        def resize() -> None:
            for step in range(20):
                window.resize(1280 - 10 * step, 800 - 6 * step)
                wait(5)
            window.resize(1280, 800)

        def turn_volume() -> None:
            for _ in range(20):
                views.volume.turn(3.0, 0.5)
                wait(5)

        def has_theme(name: str) -> Callable[[], bool]:
            return lambda: settings.values.theme == name

        return {
            "resize": Deed(resize, lambda: window.width() == 1280),
            "layouts": Deed(
                partial(self.run, "layout_three", "layout_side_by_side"),
                lambda: views.layout_name is Layout.SIDE_BY_SIDE,
            ),
            "layout with 3D": Deed(partial(self.run, "layout_grid"), self._shows_volume),
            "turn in 3D": self.turned(turn_volume, lambda: views.volume.axes_lps[0].tolist()),
            "projection in 3D": Deed(partial(self.run, "surface"), self._shows_volume),
            "3D alone": Deed(
                lambda: views.toggle_maximised(views.volume),
                lambda: self._shows_volume() and not views.axial.isVisible(),
            ),
            "large and two": Deed(
                partial(self.run, "layout_large_and_two"),
                lambda: views.layout_name is Layout.LARGE_AND_TWO,
            ),
            "light theme": Deed(window.menus.actions["light"].trigger, has_theme("light")),
            "larger text": Deed(
                lambda: window.menus.actions["larger"].trigger(),
                lambda: settings.values.text_scale > 1,
            ),
            "usual text": Deed(
                lambda: window.menus.actions["usual"].trigger(),
                lambda: settings.values.text_scale == 1,
            ),
            "dark theme": Deed(window.menus.actions["light"].trigger, has_theme("dark")),
            "presentation": Deed(partial(self.run, "presentation"), lambda: window.presentation.on),
            "presentation ends": Deed(
                partial(self.run, "presentation"), lambda: not window.presentation.on
            ),
        }

    def _shows_volume(self) -> bool:
        return self.window.views.volume.isVisible()

    def _panels(self) -> dict[str, Deed]:
        window, session = self.window, self.session

        def look_for(line: QLineEdit, text: str) -> None:
            for letter in text:
                QTest.keyClicks(line, letter)
                wait(20)

        def find() -> None:
            window.menus.actions["palette"].trigger()
            look_for(window.findChildren(CommandPalette)[-1].line, "thresh")

        def browser() -> TagBrowser:
            return window.findChildren(TagBrowser)[-1]

        def choose_series() -> None:
            series, case = window.series.list, session.store.case
            assert case is not None
            rows = [series.item(row) for row in range(series.count())]
            others = [row for row in rows if not row.isSelected()]
            place = series.visualItemRect(others[0]).center()
            QTest.mouseClick(series.viewport(), LEFT, _NONE, place)

        positive = demo_cases()[0]
        return {
            "list of keys": Deed(
                window.menus.actions["keys"].trigger, lambda: self.shows(KeysOverlay)
            ),
            "list of keys goes": Deed(
                lambda: self.close(KeysOverlay), lambda: not self.shows(KeysOverlay)
            ),
            "command palette": Deed(find, lambda: self.shows(CommandPalette)),
            "command palette goes": Deed(
                lambda: self.close(CommandPalette), lambda: not self.shows(CommandPalette)
            ),
            "DICOM tags": Deed(
                window.menus.actions["tags"].trigger, lambda: browser().model.rowCount() > 20
            ),
            "search in the tags": Deed(
                lambda: look_for(browser().line, "position"),
                lambda: 0 < browser().model.rowCount() < 10,
            ),
            "light theme under the tags": Deed(
                window.menus.actions["light"].trigger,
                lambda: window.settings.values.theme == "light",
            ),
            "dark theme under the tags": Deed(
                window.menus.actions["light"].trigger,
                lambda: window.settings.values.theme == "dark",
            ),
            "DICOM tags go": Deed(
                lambda: self.close(TagBrowser), lambda: not self.shows(TagBrowser)
            ),
            "panels": Deed(
                partial(self.run, "side", "side", "marks", "marks"), window.side.isVisible
            ),
            "hide the patient": Deed(
                partial(self.run, "anonymous", "anonymous"),
                lambda: not session.store.identity.hidden,
            ),
            "start screen": Deed(partial(self.run, "start", "start"), window.views.isVisible),
            "another case, with its answer": Deed(
                lambda: session.open_demo(positive), lambda: session.predictions.current is not None
            ),
            "a folder of two series": Deed(
                lambda: session.opener.open(self.two_series),
                lambda: window.series.isVisible() and window.series.list.count() == 2,
            ),
            "the other series": self.turned(
                choose_series, lambda: session.store.case and session.store.case.volume.series_uid
            ),
            "the first case again": Deed(
                lambda: session.opener.open(self.series), lambda: self._is_open((300, 512, 512))
            ),
            "scroll while it is read once more": self.turned(
                lambda: (session.opener.open(self.series), self.scroll()), self.place
            ),
            "scroll while a prediction is made": self.turned(
                lambda: (session.predictions.predict(), self.scroll()), self.place
            ),
        }
