"""What the user chose, kept from one run of the program to the next."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.state.settings_values import RECENT, SettingsValues, read_settings

log = logging.getLogger(__name__)

#: Paths that are opened together are remembered up to this number.
_MOST_PATHS = 500

Panel = Literal["marks", "series", "side"]


class Settings(QObject):
    """The values in use, written to a JSON file at every change; without a path, kept in memory only.

    A file that can't be read, or a value in it that makes no sense, counts as absent. Of a case only
    its paths are kept, and only while ``remembers_cases``.
    """

    changed = Signal()

    def __init__(self, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path if path is not None and _can_hold(path) else None
        self._values = SettingsValues() if self._path is None else read_settings(self._path)

    @property
    def values(self) -> SettingsValues:
        """The settings as they are now."""
        return self._values

    def change(self, values: SettingsValues) -> None:
        """Use and keep other values: ``change(replace(settings.values, theme="light"))``."""
        if values == self._values:
            return
        before, self._values = self._values, values
        if self._path is not None:
            _write_changes(self._path, before, values)
        self.changed.emit()

    def panel_shown(self, name: Panel) -> bool:
        """Whether a panel is wanted."""
        values = self._values
        shown = {"marks": values.shows_marks, "series": values.shows_series}
        return shown.get(name, values.shows_side)

    def toggle_panel(self, name: Panel) -> None:
        """Show a panel that is hidden, or hide it."""
        shown, values = not self.panel_shown(name), self._values
        if name == "marks":
            self.change(replace(values, shows_marks=shown))
        elif name == "series":
            self.change(replace(values, shows_series=shown))
        else:
            self.change(replace(values, shows_side=shown))

    def toggle_remembering_cases(self) -> None:
        """Remember opened paths from now on; or don't, and forget those there are."""
        remember = not self._values.remembers_cases
        if not remember:
            self.forget_cases()
        self.change(replace(self._values, remembers_cases=remember))

    def remember_case(self, paths: Sequence[Path]) -> None:
        """Put what was opened together first among the recent cases."""
        if not self._values.remembers_cases or len(paths) > _MOST_PATHS:
            return
        case = tuple(path.absolute() for path in paths)
        others = [each for each in self._values.recent_cases if each != case]
        self.change(replace(self._values, recent_cases=(case, *others)[:RECENT]))

    def remember_folder(self, folder: Path) -> None:
        """Let dialogs start in this folder the next time."""
        if self._values.remembers_cases:
            self.change(replace(self._values, folder=folder.absolute()))

    def forget_cases(self) -> None:
        """Drop all recent cases, and the folder used last."""
        self.change(replace(self._values, recent_cases=(), folder=None))


# -- the file ---------------------------------------------------------------------------------


def _can_hold(path: Path) -> bool:
    """Whether the file's folder exists or can be made; where not, nothing is kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        log.warning("settings can't be kept: their folder can't be made")
        return False
    return True


def _write_changes(path: Path, before: SettingsValues, now: SettingsValues) -> None:
    """Write what has changed; what another window has changed meanwhile stays."""
    changed = {
        each.name: getattr(now, each.name)
        for each in fields(SettingsValues)
        if getattr(now, each.name) != getattr(before, each.name)
    }
    values = replace(read_settings(path), **changed)
    plain = {
        each.metadata["key"]: _plain(getattr(values, each.name)) for each in fields(SettingsValues)
    }
    try:
        write_whole_text(path, json.dumps(plain, indent=2))
        # Its values are in the new file now; recent cases that the user forgets must not survive in it.
        if path.suffix != ".ini":
            path.with_suffix(".ini").unlink(missing_ok=True)
    except OSError:
        log.warning("the settings can't be written")


def _plain(value: object) -> object:
    """A value as JSON can hold it."""
    if isinstance(value, tuple):
        # A case of one path is that path, as earlier versions wrote it.
        return [
            _plain(each[0] if isinstance(each, tuple) and len(each) == 1 else each)
            for each in value
        ]
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, Path) else value
