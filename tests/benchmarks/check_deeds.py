"""Repeat nine deeds that once misled or lost something, by an X server's mouse and keys:
``xvfb-run -s "-screen 0 1600x1000x24" python tests/benchmarks/check_deeds.py``.

Then read a scan, and count the actions of each task. Prints what should have followed and did not; exit status 1 if
there was any.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
from event_loop import wait
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from x_desk import LEFT, RIGHT, Desk  # beside this file

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.model.bundle.bundle_info import find_bundles
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.slice.captions import _items
from fusion3d_gui.widgets.slice.stamp import REMOVED, UNFINISHED
from fusion3d_gui.widgets.views.layout import Layout

KEYS = Qt.Key
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
AXIAL = np.diag([2.0, 2.0, 6.0, 1.0])
#: Columns along the patient's posterior, rows along inferior, slices along left.
SAGITTAL = np.array([[0, 0, 6.0, 0], [2.0, 0, 0, 0], [0, -2.0, 0, 0], [0, 0, 0, 1.0]])


def write_scan(folder: Path, name: str, slices: int, affine=AXIAL, description="T1", seed=""):
    """A series of noise of a patient; returns its files, named after the patient."""
    voxels = np.random.default_rng(len(name) + slices).integers(0, 900, (slices, 60, 64))
    volume = Volume(voxels.astype(np.int16), affine, modality="MR", description=description)
    who = {"PatientName": name, "PatientID": f"ID-{name}", "PatientSex": "F", "PatientAge": "061Y"}
    files = write_dicom_series(volume, folder, attributes=who, uid_seed=seed or name)
    return [file.rename(file.with_name(f"{name}-{description}-{file.name}")) for file in files]


def texts_on(view: QWidget, volume: Volume | None = None) -> list[str]:
    """What stands on a view."""
    texts = view._caption_texts(view.slicer if volume is None else volume)
    return [item.text for item in _items(texts, QRectF(view.rect()))]


class Deeds(Desk):
    """The nine deeds, in the order in which they were found."""

    @property
    def main(self):
        """The view of the acquired slices."""
        return self.window.views.main

    def one_dropped(self, folder: Path) -> None:
        """1. Dropped files are what opens, and never a neighbour."""
        mixed = folder / "mixed"
        ours = write_scan(mixed, "Alpha", 5)
        write_scan(mixed, "Betaneighbour", 20)
        self.drop(*ours[1:3])
        self.settle()
        case = self.session.store.case
        self.check(case is not None and set(case.paths) == set(ours[1:3]), "two files were opened")
        self.check("Alpha" in self.window.header.title.text(), "the patient of the dropped files")
        self.check(case is not None and case.volume.shape[0] == 2, "two files make two slices")
        self.check(case is not None and len(case.series) == 1, "no neighbour is listed")

    def two_highlight(self, folder: Path) -> None:
        """2. What is highlighted in the list is what is open; after a choice the keys go to the images."""
        study = folder / "study"
        for number, description in enumerate(("one", "two", "three")):
            write_scan(
                study / description, "Gamma", 12 + number, description=description, seed=description
            )
        self.drop(study)
        self.settle()
        items = self.window.series.list
        self.wait(items.isVisible, "several series are listed")

        def agrees(what: str) -> None:
            chosen = [each.data(Qt.ItemDataRole.UserRole) for each in items.selectedItems()]
            self.check(chosen == [self.session.store.case.volume.series_uid], what)

        agrees("the open series is highlighted")
        for _ in range(60):
            if items.hasFocus():
                break
            self.key(KEYS.Key_Tab)
        self.check(items.hasFocus(), "Tab reaches the list")
        for key in (KEYS.Key_Down, KEYS.Key_PageDown, KEYS.Key_End, KEYS.Key_Home, KEYS.Key_Up):
            self.key(key)
            agrees(f"the highlight stays under {key}")
        rows = {items.item(row).data(Qt.ItemDataRole.UserRole): row for row in range(items.count())}
        shown = self.session.store.case.volume.series_uid
        other = next(row for uid, row in rows.items() if uid and uid != shown)
        at = items.visualItemRect(items.item(other)).center()
        self.hands.click(items.viewport(), RIGHT, at=at)
        wait(100)
        agrees("the highlight stays under a right click")
        self.key(KEYS.Key_Escape)
        wait(100)
        self.hands.click(items.viewport(), LEFT, at=at)
        self.wait(lambda: self.session.store.case.volume.series_uid != shown, "a click opens")
        self.settle()
        agrees("the highlight is what was opened")
        place = self.session.display.crosshair.position_lps
        self.key(KEYS.Key_Down)
        self.wait(
            lambda: (self.session.display.crosshair.position_lps != place).any(),
            "after a choice the keys go to the images",
        )

    def open_demo(self) -> None:
        """The demo case with its prediction."""
        self.session.open_demo(self.window.demos[0])
        self.settle()
        self.wait(lambda: self.session.predictions.heatmap is not None, "the demo has its heatmap")

    def three_wheel(self, folder: Path) -> None:
        """3. The wheel changes no control in passing; with focus it does, and Ctrl+R resets."""
        self.open_demo()
        window, overlay = self.window, self.session.display.overlay
        before = (overlay.threshold, overlay.opacity, overlay.color_map, self.session.form.values)
        bar = window.side.verticalScrollBar()
        controls = window.side.overlay
        for control in (controls.threshold.slider, controls.opacity.slider, controls.colors):
            for turn in (-360, 360):
                window.side.ensureWidgetVisible(control)
                wait(30)
                self.hands.wheel(control, control.rect().center(), turn, Qt.KeyboardModifier(0))
        for line in window.side.findChildren(QLineEdit):
            if line.isVisible():
                window.side.ensureWidgetVisible(line)
                self.hands.wheel(line, line.rect().center(), -240, Qt.KeyboardModifier(0))
        now = (overlay.threshold, overlay.opacity, overlay.color_map, self.session.form.values)
        self.check(now == before, "the wheel changes nothing in passing")
        bar.setValue(0)
        self.hands.wheel(window.side.viewport(), QPoint(40, 200), -360, Qt.KeyboardModifier(0))
        self.check(bar.value() > 0 or bar.maximum() == 0, "the wheel scrolls the panel")
        slider = controls.threshold.slider
        window.side.ensureWidgetVisible(slider)
        wait(30)
        self.hands.click(slider, LEFT)
        self.hands.wheel(slider, slider.rect().center(), 240, Qt.KeyboardModifier(0))
        self.wait(lambda: overlay.threshold != 0.35, "with focus the wheel changes the slider")
        self.hands.click(self.main, LEFT, at=QPoint(80, 200))
        self.key(KEYS.Key_R, CTRL)
        self.wait(lambda: overlay.threshold == 0.35, "Ctrl+R resets the display")

    def four_patient(self, folder: Path) -> None:
        """4. Header and views name the patient in every layout, or say that the name is hidden."""
        window, views = self.window, self.window.views

        def named(text: str, where: str) -> None:
            volume = self.session.store.case.volume
            shown = [view for view in (*views.views, views.volume) if view.isVisible()]
            if window.pages.currentWidget() is window.map_views:
                shown = window.map_views.views
            found = [
                view
                for view in shown
                if text in texts_on(view, volume if view is views.volume else None)
            ]
            self.check(len(found) == 1, f"a view says {text!r} {where}")
            self.check(text in window.header.title.text(), f"the header says {text!r} {where}")

        def everywhere(text: str) -> None:
            self.hands.click(self.main, LEFT, at=QPoint(90, 210))
            for key in ("F7", "F8", "F9", "F10", "F4", "F5", "F6"):
                self.key(getattr(KEYS, f"Key_{key}"))
                wait(80)
                named(text, f"after {key}")
            self.key(KEYS.Key_F7)
            window.menus.actions["alone_3d"].trigger()
            wait(80)
            named(text, "in 3D alone")
            self.key(KEYS.Key_F7)
            wait(80)

        name = self.session.store.case.volume.attributes["PatientName"].replace("^", " ")
        everywhere(name)
        self.hands.click(window.side.comparison.button, LEFT)
        wait(50)
        self.settle()
        if not self.session.model_comparison.predictions:
            window.side.comparison.button.click()  # it had been scrolled out of sight
            self.settle()
        self.session.model_comparison.show_maps(True)
        wait(200)
        named(name, "beside several heatmaps")
        self.session.model_comparison.show_maps(False)
        window.settings.change(replace(window.settings.values, text_scale=theme.SCALES[-1]))
        self.wait(lambda: not window.restyling.is_busy)
        wait(200)
        self.check(name in texts_on(self.main), "large text names the patient")
        window.settings.change(replace(window.settings.values, text_scale=1.0))
        self.wait(lambda: not window.restyling.is_busy)
        window.menus.actions["anonymous"].trigger()
        wait(100)
        everywhere(window.header.title.text())
        self.check("hidden" in window.header.title.text().lower(), "a sign says that it is hidden")
        self.check(name not in window.header.title.text(), "hidden is hidden")
        window.menus.actions["anonymous"].trigger()
        wait(100)

    def five_acquired(self, folder: Path) -> None:
        """5. The acquired plane opens first and largest, with the images' own numbers; few slices stand alone."""
        write_scan(folder / "sagittal", "Delta", 28, SAGITTAL)
        self.drop(folder / "sagittal")
        self.settle()
        views = self.window.views
        self.check(views.main is views.sagittal, "a sagittal series opens sagittal")
        others = [view for view in views.shown if view is not views.main]
        self.check(
            bool(others) and all(views.main.width() > view.width() for view in others),
            "the acquired plane is the largest",
        )
        self.check("28" in self.window.header.detail.text(), "the header counts the slices")
        numbered = [text for text in texts_on(views.main) if text.startswith("Im ")]
        self.check(numbered == ["Im 14 / 28"], f"the middle slice has its number, not {numbered}")
        self.check(
            all(any("reformatted" in text for text in texts_on(view)) for view in others),
            "other planes say that they are reformatted",
        )
        write_scan(folder / "single", "Epsilon", 1)
        self.drop(folder / "single")
        self.settle()
        self.check(len(views.shown) == 1, "one slice gets one view")

    def six_warnings(self, folder: Path) -> None:
        """6. A doubt stays on the views with its reason; notices move nothing, and a click on one hits no image."""
        files = write_scan(folder / "gap", "Zeta", 14)
        for number, path in enumerate(files):
            file = pydicom.dcmread(path)
            x, y, z = map(float, file.ImagePositionPatient)
            file.ImagePositionPatient = [x, y + 1.0 * number, z]
            file.save_as(path)
        files[5].unlink()
        self.drop(folder / "gap")
        self.settle()
        window, view = self.window, self.main
        self.check(bool(window.notices.texts), "a notice tells of it")
        geometry = [each.geometry() for each in window.views.shown]
        place = self.session.display.crosshair.position_lps.copy()
        wait(700)  # a notice that has just come takes no clicks
        for _ in range(2 + len(window.notices.texts)):
            # Twice and more: on the notice, then where it was.
            at = window.notices.rect().center()
            self.hands.click(window.notices, LEFT, at=at)
        for row in list(window.notices._shown):
            self.hands.click(row.close_button, LEFT)
            wait(50)
        self.wait(lambda: not window.notices.texts, "notices are closed")
        self.check(
            (self.session.display.crosshair.position_lps == place).all(),
            "clicks on notices move no crosshair",
        )
        self.check([each.geometry() for each in window.views.shown] == geometry, "nothing moved")
        texts = texts_on(view)
        self.check("1 slice missing" in texts, "the missing slice stays on the view")
        self.check(any(text.startswith("gantry tilt") for text in texts), "so does the tilt")
        areas = view.picture.captions.warning_areas
        if areas:
            left, top, right, bottom = areas[0]
            self.hands.move(view, QPoint(round(left) - 4, round(top) - 4))
            self.hands.move(view, QPoint(round((left + right) / 2), round((top + bottom) / 2)))
            tips = lambda: [  # noqa: E731
                each
                for each in QApplication.topLevelWidgets()
                if each.inherits("QTipLabel") and each.isVisible()
            ]
            self.wait(lambda: bool(tips()), "the reason appears under the pointer")
            self.check(any("missing" in each.text() for each in tips()), "it says what is missing")

    def seven_unfinished(self, folder: Path) -> None:
        """7. A map that has gone, or is not finished, says so on the image."""
        self.open_demo()
        window = self.window
        self.check(not set(texts_on(self.main)) & set(UNFINISHED), "a finished map has no stamp")
        (line, *_) = [each for each in window.side.findChildren(QLineEdit) if each.isVisible()]
        window.side.ensureWidgetVisible(line)
        self.hands.click(line, LEFT)
        self.key(KEYS.Key_End)
        self.key(KEYS.Key_Backspace)
        self.wait(lambda: self.session.predictions.is_outdated, "typing makes it outdated")
        self.check(
            bool(set(texts_on(self.main)) & set(REMOVED["form"])), "the image says that it has gone"
        )
        self.key(KEYS.Key_Z)  # a letter is no number: it changes nothing else
        self.key(KEYS.Key_Backspace)
        self.key(KEYS.Key_9)
        self.hands.click(self.main, LEFT, at=QPoint(90, 210))

    def eight_kept(self, folder: Path) -> None:
        """8. Marks, window level and form are there after quitting."""
        write_scan(folder / "kept", "Eta", 16)
        self.drop(folder / "kept")
        self.settle()
        wait(300)
        self.key(KEYS.Key_D)
        self.drag(self.main, QPoint(120, 160), QPoint(240, 250))
        self.wait(lambda: len(self.session.annotations.items) == 1, "a length is drawn")
        self.key(KEYS.Key_V)
        level = self.session.display.window_level
        before = level.window
        self.drag(self.main, QPoint(150, 150), QPoint(220, 190), RIGHT)
        self.wait(lambda: level.window != before, "a right drag changes the window level")
        (line, *_) = [each for each in self.window.side.findChildren(QLineEdit) if each.isVisible()]
        self.window.side.ensureWidgetVisible(line)
        self.hands.click(line, LEFT)
        self.key(KEYS.Key_A, CTRL)
        self.hands.keys(line, "63")
        self.key(KEYS.Key_Tab)
        self.kept = self.work()
        self.key(KEYS.Key_Q, CTRL)
        self.wait(lambda: not self.window.isVisible(), "Ctrl+Q quits")
        self.check(self.session.close(), "the threads end")

    def work(self) -> tuple:
        """What must not be lost."""
        return (
            self.session.annotations.items,
            self.session.display.window_level.window.center,
            self.session.form.values.get("age"),
        )

    def eight_restored(self, folder: Path, kept: tuple) -> None:
        """8, in the next run."""
        self.drop(folder / "kept")
        self.settle()
        self.wait(lambda: self.work() == kept, "marks, window level and form are there again")

    def nine_length(self, folder: Path) -> None:
        """9. A length in another plane looks like a crossing, and carries no label."""
        write_scan(folder / "length", "Theta", 40, np.diag([2.0, 2.0, 3.0, 1.0]))
        self.drop(folder / "length")
        self.settle()
        wait(700)
        views, main = self.window.views, self.main
        # The other planes cut through the middle of the line.
        at = QPoint(main.width() // 2, main.height() // 2)
        self.hands.click(main, LEFT, at=at)
        wait(100)
        self.settle()
        self.hands.move(main, QPoint(30, 30))
        others = [view for view in views.shown if view is not main]
        before = [picture(view) for view in others]
        self.key(KEYS.Key_D)
        self.drag(main, at - QPoint(60, 45), at + QPoint(60, 45))
        self.key(KEYS.Key_V)
        self.hands.move(main, QPoint(30, 30))
        self.wait(lambda: len(self.session.annotations.items) == 1, "a length is drawn")
        self.settle()
        crossing = self.session.display.crosshair.position_lps
        for view, old in zip(others, before, strict=True):
            changed = np.argwhere(np.abs(picture(view) - old).max(axis=-1) > 24)
            x, y = view.px_at(crossing).toTuple()
            self.check(len(changed) > 0, f"the crossing is marked in {view.orientation.name}")
            if len(changed):
                far = np.hypot(changed[:, 1] - x, changed[:, 0] - y).max()
                self.check(far < 24, f"no label in {view.orientation.name} ({far:.0f} px away)")

    # -- reading ------------------------------------------------------------------------------

    def reading(self, folder: Path) -> dict[str, int]:
        """From a dropped scan to its hot spot: the actions of each task."""
        window, views = self.window, self.window.views
        counts: dict[str, int] = {}
        self.drop(window.demos[0].path)
        self.settle()
        counts["open"] = 1
        self.check(self.session.store.case is not None, "a drop opens the scan")
        # Both are on screen by themselves.
        self.check(views.main is views.axial and views.main.isVisible(), "the acquired plane")
        counts["acquired plane"] = 0
        self.check(any(text.startswith("Im ") for text in texts_on(self.main)), "its image number")
        counts["image number"] = 0
        self.key(KEYS.Key_D)
        self.drag(self.main, QPoint(150, 160), QPoint(230, 230))
        counts["measure"] = 2
        self.wait(lambda: len(self.session.annotations.items) == 1, "a key and a drag measure")
        self.key(window.menus.actions["predict"].shortcut()[0].key(), CTRL)
        counts["predict"] = 1
        wait(100)
        self.settle()
        self.wait(lambda: self.session.predictions.current is not None, "a key predicts")
        self.wait(lambda: self.session.predictions.heatmap is not None, "the heatmap follows")
        self.settle()
        self.key(KEYS.Key_G)
        counts["hot spot"] = 1
        peak = self.session.predictions.heatmap.peak_lps
        self.wait(
            lambda: np.allclose(self.session.display.crosshair.position_lps, peak),
            "a key goes to the hot spot",
        )
        for task, count in counts.items():
            self.check(count <= 2, f"{task} takes {count} actions")
        return counts


def picture(view: QWidget) -> np.ndarray:
    """Pixels ``[row, column, 3]`` of a view."""
    image = view.grab().toImage()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., :3].astype(int)


def session_in(kept: Path) -> Session:
    """A session as the program begins it."""
    return Session(find_bundles(models_dir()), device="cpu", kept_folder=kept)


def victim(folder: Path, kept: Path) -> int:
    """Draw a length on a scan, and wait to be killed."""
    desk = Deeds(session_in(kept))
    desk.drop(folder / "killed")
    desk.settle()
    wait(300)
    desk.key(KEYS.Key_D)
    desk.drag(desk.main, QPoint(120, 160), QPoint(240, 250))
    desk.wait(lambda: len(desk.session.annotations.items) == 1)
    print(f"{len(desk.session.annotations.items)} drawn", flush=True)
    wait(60_000)
    return 0


def killed(folder: Path, kept: Path) -> list[str]:
    """8, where the program is killed in the middle of work."""
    write_scan(folder / "killed", "Iota", 15)
    command = [sys.executable, __file__, "--victim", str(folder), str(kept)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said = child.stdout.readline()
    wait(1500)  # work is written every 300 ms
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    desk = Deeds(session_in(kept))
    desk.check(said.startswith("1 drawn"), "a length was drawn before the kill")
    desk.drop(folder / "killed")
    desk.settle()
    desk.wait(
        lambda: len(desk.session.annotations.items) == 1, "the length is there after the kill"
    )
    desk.window.close()
    desk.check(desk.session.close(), "the threads end after a kill")
    return desk.wrong


def main() -> int:
    """Do everything."""
    app = QApplication([])
    apply = theme.apply_theme
    apply(app)
    if sys.argv[1:2] == ["--victim"]:
        return victim(Path(sys.argv[2]), Path(sys.argv[3]))
    wrong: list[str] = []
    sys.excepthook = lambda *error: (wrong.append(repr(error[1])), sys.__excepthook__(*error))
    with tempfile.TemporaryDirectory() as name:
        folder, kept = Path(name), Path(name) / "kept-work"
        desk = Deeds(session_in(kept), demo_cases())
        desk.window.views.set_layout(Layout.LARGE_AND_TWO)
        for deed in (
            desk.one_dropped,
            desk.two_highlight,
            desk.three_wheel,
            desk.four_patient,
            desk.five_acquired,
            desk.six_warnings,
            desk.seven_unfinished,
            desk.nine_length,
            desk.eight_kept,
        ):
            before = len(desk.wrong)
            deed(folder)
            print(
                f"{deed.__name__}: {'right' if len(desk.wrong) == before else 'WRONG'}", flush=True
            )
        again = Deeds(session_in(kept), demo_cases())
        again.eight_restored(folder, desk.kept)
        counts = again.reading(folder)
        again.window.close()
        again.check(again.session.close(), "the threads end")
        wrong += desk.wrong + again.wrong + killed(folder, kept)
    for each in wrong:
        print(each)
    print(", ".join(f"{task}: {count}" for task, count in counts.items()), "actions")
    print(f"{len(wrong)} wrong, {sum(desk.hands.missed.values())} deeds found another widget")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
