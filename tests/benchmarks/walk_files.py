"""Deeds of a walk with files: open, drop, refuse, choose series, read tags, export."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel
from event_loop import wait
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QPushButton
from walk_scene import LEFT, NONE, DeedGroup, Deeds, Scene

from fusion3d_gui.widgets.side.sanity_dialog import SanityDialog
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser


class FileDeeds(DeedGroup):
    """Opens and exports files; exports are read again with nibabel, csv and json."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        #: So many files of each kind were written and read again.
        self.exported: dict[str, int] = {}

    def deeds(self) -> Deeds:
        """By name."""
        return {
            "open": (0.4, self.open),
            "open by dialog": (0.15, self.open_by_dialog),
            "drop": (0.15, self.drop),
            "open what is broken": (0.2, self.open_broken),
            "open again": (0.1, self.open_again),
            "series": (0.4, self.series),
            "tags": (0.3, self.tags),
            "export measurements": (0.4, self.export_marks),
            "export the result": (0.3, self.export_result),
            "export the checks": (0.3, self.export_checks),
        }

    # -- in -----------------------------------------------------------------------------------

    def _wait(self) -> None:
        if self.chance.random() < 0.8:
            self.scene.settle()

    def open(self) -> None:
        """Another case, sometimes given up."""
        self.window.session.opener.open(self.chance.choice(self.scene.paths))
        self._wait()

    def open_by_dialog(self) -> None:
        """A file or a folder through the program's own dialog."""
        path = self.chance.choice(self.scene.paths)
        name = "open_folder" if path.is_dir() else "open_file"
        self.scene.with_file_dialog(lambda: self.scene.press_command(name), path)
        self._wait()

    def drop(self) -> None:
        """A path, or two files, let fall on the window."""
        path = self.chance.choice([*self.scene.paths, *self.scene.broken])
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path))])
        at = QPoint(self.window.width() // 2, self.window.height() // 2)
        state = Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, NONE
        QApplication.sendEvent(self.window, QDragEnterEvent(at, *state))
        wait(5)
        QApplication.sendEvent(self.window, QDropEvent(QPointF(at), *state))
        self._wait()

    def open_broken(self) -> None:
        """What can't be opened: the present case stays."""
        session = self.window.session
        self.scene.settle()
        before = session.store.case
        session.opener.open(self.chance.choice(self.scene.broken))
        self.scene.settle()
        assert session.store.case is before, "a broken file changed the case on screen"

    def open_again(self) -> None:
        """One of the cases opened before, or a demo, from the start screen."""
        if self.window.pages.currentWidget() is not self.window.start:
            self.scene.press_command("start")
        start = self.window.start
        buttons = self.scene.shown(QPushButton, start)
        known = [each for each in buttons if each not in (start.open_file, start.open_folder)]
        if known:
            self.hands.click(self.chance.choice(known), LEFT)
        self._wait()

    def series(self) -> None:
        """Another series of the same folder, from the list of pictures."""
        panel = self.window.series
        if not panel.isVisible():
            self.scene.press_command("series")
        if panel.isVisible() and panel.list.count():
            item = panel.list.item(self.chance.randrange(panel.list.count()))
            where = panel.list.visualItemRect(item).center()
            self.hands.click(panel.list.viewport(), LEFT, NONE, where)
        self._wait()

    def tags(self) -> None:
        """The DICOM header, searched, in another file of the series."""
        self.scene.press_command("tags")
        wait(20)
        for browser in self.window.findChildren(TagBrowser):
            self.hands.click(browser.line, LEFT)
            self.hands.keys(browser.line, self.chance.choice(("pat", "0010", "pixel", "zz")))
            browser.file.setValue(self.chance.randint(1, browser.file.maximum()))
            wait(20)
            browser.close()

    # -- out ----------------------------------------------------------------------------------

    def _written(self, name: str, command: str) -> Path | None:
        """Export through the program's dialog; None where nothing can be exported now."""
        path = self.scene.folder / name
        path.unlink(missing_ok=True)
        if not self.window.menus.actions[command].isEnabled():
            return None
        self.scene.with_file_dialog(lambda: self.scene.press_command(command), path)
        self.scene.settle()
        return path if path.exists() else None

    def _count(self, kind: str) -> None:
        self.exported[kind] = self.exported.get(kind, 0) + 1

    def export_marks(self) -> None:
        """The measurements as CSV or JSON; there are as many rows as marks."""
        kind = self.chance.choice(("csv", "json"))
        path = self._written(f"marks.{kind}", "export_marks")
        if path is None:
            return
        count = len(self.window.session.annotations.items)
        if kind == "csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                lines = [line for line in file if not line.startswith("#")]
            found = len(list(csv.DictReader(lines)))
        else:
            found = len(json.loads(path.read_text(encoding="utf-8"))["measurements"])
        assert found == count, f"{count} marks, {found} in the {kind}"
        self._count(f"measurements.{kind}")

    def export_result(self) -> None:
        """The answer as JSON, or its heatmap as NIfTI."""
        kind = self.chance.choice(("json", "nii.gz"))
        path = self._written(f"result.{kind}", "save_result")
        if path is None:
            return
        if kind == "json":
            assert json.loads(path.read_text(encoding="utf-8"))
        else:
            assert nibabel.load(path).get_fdata().ndim == 3
        self._count(f"result.{kind}")

    def export_checks(self) -> None:
        """The picture of the checks of a map, where they are on screen; then they are closed."""
        for dialog in self.window.findChildren(SanityDialog):
            path = self.scene.folder / "checks.png"
            path.unlink(missing_ok=True)
            self.scene.with_file_dialog(
                lambda shown=dialog: self.hands.click(shown.save, LEFT), path
            )
            if path.exists():
                assert not QImage(str(path)).isNull()
                self._count("checks.png")
            dialog.close()
