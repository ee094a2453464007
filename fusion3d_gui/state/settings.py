"""``Settings``: what the user chose, kept from one run of the program to the next."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QSettings, QStandardPaths, Signal

log = logging.getLogger(__name__)

#: So many recent cases are remembered.
RECENT = 8

_CONFIG_VARIABLE = "FUSION3D_CONFIG_DIR"


def settings_path() -> Path:
    """The user's settings file; the variable FUSION3D_CONFIG_DIR moves it elsewhere."""
    chosen = os.environ.get(_CONFIG_VARIABLE)
    if chosen:
        return Path(chosen) / "settings.ini"
    where = QStandardPaths.StandardLocation.GenericConfigLocation
    return Path(QStandardPaths.writableLocation(where)) / "fusion3d" / "settings.ini"


class Settings(QObject):
    """Typed values over an INI file; without a path they live as long as the program.

    A file that is damaged, or a value in it that makes no sense, counts as not there. Of a case only
    the path is kept, and only while ``remembers_cases``.
    """

    changed = Signal()

    def __init__(self, path: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file: QSettings | None = None
        self._values: dict[str, object] = {}
        if path is not None and _can_hold(path):
            self._file = QSettings(str(path), QSettings.Format.IniFormat)

    # -- looks --------------------------------------------------------------------------------

    @property
    def theme(self) -> str:
        """``"dark"`` or ``"light"``."""
        return "light" if self._text("look/theme") == "light" else "dark"

    def set_theme(self, name: str) -> None:
        """Choose dark or light."""
        self._set("look/theme", name)

    @property
    def text_scale(self) -> float:
        """How much larger than usual text is, 0.5 to 3."""
        try:
            scale = float(self._text("look/text_scale") or 1.0)
        except ValueError:
            return 1.0
        return scale if 0.5 <= scale <= 3 else 1.0

    def set_text_scale(self, scale: float) -> None:
        """Choose a text size."""
        self._set("look/text_scale", f"{scale:g}")

    # -- recent cases -------------------------------------------------------------------------

    @property
    def remembers_cases(self) -> bool:
        """Whether opened paths are remembered."""
        return self._text("recent/remember") != "false"

    def set_remembers_cases(self, remember: bool) -> None:
        """Remember opened paths from now on; or don't, and forget those there are."""
        self._set("recent/remember", "true" if remember else "false")
        if not remember:
            self.forget_cases()

    @property
    def recent_cases(self) -> tuple[Path, ...]:
        """Paths opened last, the newest first."""
        lines = self._text("recent/paths").split("\n")
        return tuple(Path(line) for line in lines if line)[:RECENT]

    def remember_case(self, path: Path) -> None:
        """This path was opened."""
        if not self.remembers_cases or "\n" in str(path):
            return
        path = path.absolute()
        others = [each for each in self.recent_cases if each != path]
        self._set_recent([path, *others][:RECENT])

    def forget_cases(self) -> None:
        """Drop all of them."""
        self._set_recent([])

    def _set_recent(self, paths: Sequence[Path]) -> None:
        self._set("recent/paths", "\n".join(map(str, paths)))

    # -- the model ----------------------------------------------------------------------------

    @property
    def model(self) -> Path | None:
        """Folder of the model bundle used last."""
        text = self._text("model/folder")
        return Path(text) if text else None

    def set_model(self, folder: Path) -> None:
        """This model is used."""
        if "\n" not in str(folder):
            self._set("model/folder", str(folder.absolute()))

    # -- the window ---------------------------------------------------------------------------

    @property
    def window_geometry(self) -> bytes:
        """Size and place of the window as ``QWidget.saveGeometry`` writes it, or empty."""
        return bytes.fromhex(_hex_only(self._text("window/geometry")))

    def set_window_geometry(self, geometry: QByteArray) -> None:
        """Where the window was when it closed."""
        self._set("window/geometry", bytes(geometry.data()).hex())

    def panel_shown(self, name: str) -> bool:
        """Whether a panel (``"marks"``, ``"series"``, ``"side"``) is wanted."""
        shown = self._text(f"panels/{name}")
        return shown == "true" if shown else name != "marks"

    def set_panel_shown(self, name: str, shown: bool) -> None:
        """Show or hide a panel."""
        self._set(f"panels/{name}", "true" if shown else "false")

    @property
    def layout(self) -> str:
        """Name of the views' layout, or empty."""
        return self._text("views/layout")

    def set_layout(self, name: str) -> None:
        """How the views share the room."""
        self._set("views/layout", name)

    @property
    def overlay(self) -> tuple[float, float, str]:
        """Opacity and threshold of the heatmap (0 to 1, negative: as it comes), name of its colours."""
        return (
            self._share("views/opacity"),
            self._share("views/threshold"),
            self._text("views/colors"),
        )

    def set_overlay(self, opacity: float, threshold: float, colors: str) -> None:
        """How the heatmap lies over the anatomy."""
        self._set("views/opacity", f"{opacity:.3f}")
        self._set("views/threshold", f"{threshold:.3f}")
        self._set("views/colors", colors)

    @property
    def drawing(self) -> tuple[str, str, bool]:
        """Names of the interpolation and of the slabs' projection (or empty); whether heatmaps are lines."""
        return (
            self._text("views/interpolation"),
            self._text("views/projection"),
            self._text("views/contours") == "true",
        )

    def set_drawing(self, interpolation: str, projection: str, contours: bool) -> None:
        """How planes, slabs and heatmaps are drawn."""
        self._set("views/interpolation", interpolation)
        self._set("views/projection", projection)
        self._set("views/contours", "true" if contours else "false")

    @property
    def anatomy(self) -> tuple[str, bool, bool]:
        """Name of the gray levels' colours (or empty); whether 3D is a lit surface, and images name the patient."""
        return (
            self._text("views/anatomy_colors"),
            self._text("views/surface") != "false",
            self._text("views/names_patient") != "false",
        )

    def set_anatomy(self, colors: str, surface: bool, names_patient: bool) -> None:
        """How the scan itself is shown."""
        self._set("views/anatomy_colors", colors)
        self._set("views/surface", "true" if surface else "false")
        self._set("views/names_patient", "true" if names_patient else "false")

    # -- values -------------------------------------------------------------------------------

    def _share(self, key: str) -> float:
        try:
            share = float(self._text(key) or -1)
        except ValueError:
            return -1.0
        return share if 0 <= share <= 1 else -1.0

    def _text(self, key: str) -> str:
        value = self._values.get(key) if self._file is None else self._file.value(key)
        return value if isinstance(value, str) else ""

    def _set(self, key: str, value: str) -> None:
        if value == self._text(key):
            return
        if self._file is None:
            self._values[key] = value
        else:
            self._file.setValue(key, value)
        self.changed.emit()


def _can_hold(path: Path) -> bool:
    """Whether there is, or can be made, a folder for the file: where not, nothing is kept."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:
        log.warning("settings can't be kept: their folder can't be made")
        return False
    return True


def _hex_only(text: str) -> str:
    valid = len(text) % 2 == 0 and all(letter in "0123456789abcdef" for letter in text)
    return text if valid else ""
