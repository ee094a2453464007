"""``SettingsValues``: what the user chose, and how it is read from the settings file; imports no Qt."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import platformdirs

log = logging.getLogger(__name__)

#: So many recent cases are remembered.
RECENT = 8
#: The user's prevalence is remembered for so many models.
MOST_PREVALENCES = 50

_CONFIG_VARIABLE = "FUSION3D_CONFIG_DIR"

Theme = Literal["dark", "light"]


def settings_path() -> Path:
    """The user's settings file; the variable FUSION3D_CONFIG_DIR moves its folder."""
    chosen = os.environ.get(_CONFIG_VARIABLE)
    folder = Path(chosen) if chosen else platformdirs.user_config_path("fusion3d", appauthor=False)
    return folder / "settings.json"


# -- how a value is read from the file: any JSON value, or the text of an old INI file --------


def _text(plain: object) -> str:
    if not isinstance(plain, str):
        raise TypeError("not a text")
    return plain


def _number(plain: object) -> float:
    if isinstance(plain, bool) or not isinstance(plain, (int, float, str)):
        raise TypeError("not a number")
    return float(plain)


def _count(plain: object) -> int:
    return round(_number(plain))


def _share(plain: object) -> float | None:
    return None if plain is None else _number(plain)


def _flag(plain: object) -> bool:
    if isinstance(plain, bool):
        return plain
    return {"true": True, "false": False}[_text(plain)]


def _path(plain: object) -> Path | None:
    return Path(_text(plain)) if plain else None


def _cases(plain: object) -> tuple[tuple[Path, ...], ...]:
    """Each a path, or a list of those that were opened together."""
    entries = plain if isinstance(plain, list) else _text(plain).split("\n")
    named = (entry if isinstance(entry, list) else [entry] for entry in entries if entry)
    return tuple(tuple(Path(_text(path)) for path in paths) for paths in named)[:RECENT]


def _prevalences(plain: object) -> tuple[tuple[str, float], ...]:
    if not isinstance(plain, list):
        raise TypeError("not a list")
    return tuple((_text(name), _number(share)) for name, share in plain)[:MOST_PREVALENCES]


def _bytes(plain: object) -> bytes:
    return bytes.fromhex(_text(plain))


def _kept(key: str, read: Callable[[object], object]) -> Mapping[str, Any]:
    """Metadata of a field: its key in the file, and how its value is read."""
    return {"key": key, "read": read}


@dataclass(frozen=True)
class SettingsValues:
    """All settings with their defaults; each is declared here and nowhere else.

    Of the layout and the other choices of a view only the names are kept: the views know which
    names there are.

    Raises
    ------
    ValueError
        When a value is out of its range.
    """

    theme: Theme = field(default="dark", metadata=_kept("look/theme", _text))
    #: How much larger than usual text is, 0.5 to 3.
    text_scale: float = field(default=1.0, metadata=_kept("look/text_scale", _number))
    remembers_cases: bool = field(default=True, metadata=_kept("recent/remember", _flag))
    #: What was opened last, the newest first: a path, or several that were opened together.
    recent_cases: tuple[tuple[Path, ...], ...] = field(
        default=(), metadata=_kept("recent/paths", _cases)
    )
    #: Folder in which a file was last chosen in a dialog.
    folder: Path | None = field(default=None, metadata=_kept("recent/folder", _path))
    #: Folder of the model bundle used last.
    model: Path | None = field(default=None, metadata=_kept("model/folder", _path))
    #: Share of the user's patients who have the finding, by the name of a model bundle.
    prevalences: tuple[tuple[str, float], ...] = field(
        default=(), metadata=_kept("model/prevalences", _prevalences)
    )
    #: As ``QWidget.saveGeometry`` writes it, or empty.
    window_geometry: bytes = field(default=b"", metadata=_kept("window/geometry", _bytes))
    shows_marks: bool = field(default=False, metadata=_kept("panels/marks", _flag))
    shows_series: bool = field(default=True, metadata=_kept("panels/series", _flag))
    shows_side: bool = field(default=True, metadata=_kept("panels/side", _flag))
    #: Sizes (px at the usual text size) to which the panels were dragged; 0: the usual one.
    side_width: int = field(default=0, metadata=_kept("panels/side_width", _count))
    series_width: int = field(default=0, metadata=_kept("panels/series_width", _count))
    marks_height: int = field(default=0, metadata=_kept("panels/marks_height", _count))
    #: Shares of the views, where their borders were dragged: JSON, by layout.
    panes: str = field(default="", metadata=_kept("views/panes", _text))
    layout: str = field(default="", metadata=_kept("views/layout", _text))
    #: Of the heatmap, 0 to 1; None: the overlay's default.
    opacity: float | None = field(default=None, metadata=_kept("views/opacity", _share))
    #: Share of the heatmap's peak, 0 to 1; None: the overlay's default.
    threshold: float | None = field(default=None, metadata=_kept("views/threshold", _share))
    heatmap_colors: str = field(default="", metadata=_kept("views/colors", _text))
    contours: bool = field(default=False, metadata=_kept("views/contours", _flag))
    interpolation: str = field(default="", metadata=_kept("views/interpolation", _text))
    projection: str = field(default="", metadata=_kept("views/projection", _text))
    anatomy_colors: str = field(default="", metadata=_kept("views/anatomy_colors", _text))
    #: The atlas whose regions are named over maps in standard space.
    atlas: Path | None = field(default=None, metadata=_kept("views/atlas", _path))
    #: Whether what is asked, answered and exported is written to the audit log.
    audits: bool = field(default=True, metadata=_kept("audit/on", _flag))
    #: Whether the audit log also names files, folders and form values.
    audits_names: bool = field(default=False, metadata=_kept("audit/names", _flag))
    #: Who reads, for the audit log and results; empty: not told.
    reader: str = field(default="", metadata=_kept("audit/reader", _text))
    #: Whether 3D shows a lit surface.
    surface: bool = field(default=True, metadata=_kept("views/surface", _flag))

    #: The worklist's question to a PACS: JSON of dates, modality, description and the node's name.
    worklist: str = field(default="", metadata=_kept("pacs/worklist", _text))
    #: Name of the node to which results that fit go by themselves; empty: to none.
    forwards_to: str = field(default="", metadata=_kept("pacs/forwards_to", _text))
    #: Whether encrypted copies of fetched series stay on this computer when the window closes.
    keeps_fetched: bool = field(default=False, metadata=_kept("pacs/keeps_fetched", _flag))

    def __post_init__(self) -> None:
        if self.theme not in ("dark", "light"):
            raise ValueError(f"no theme is called {self.theme}")
        if not 0.5 <= self.text_scale <= 3:
            raise ValueError("the text scale must be between 0.5 and 3")
        for share in (self.opacity, self.threshold):
            if share is not None and not 0 <= share <= 1:
                raise ValueError("opacity and threshold must be between 0 and 1")
        if not all(0 < share < 1 for _, share in self.prevalences):
            raise ValueError("a prevalence must lie between 0 and 1")


# -- the file ---------------------------------------------------------------------------------


def read_settings(path: Path) -> SettingsValues:
    """The values of a settings file, field by field; the default where a value is absent or makes no sense."""
    found = _read_json(path) if _exists(path) else _read_ini(path.with_suffix(".ini"))
    values = SettingsValues()
    for each in fields(SettingsValues):
        key = each.metadata["key"]
        if key in found:
            try:
                values = replace(values, **{each.name: each.metadata["read"](found[key])})
            except (TypeError, ValueError, KeyError, OverflowError):
                log.warning("the setting %s makes no sense, and is ignored", key)
    return values


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # in a folder that this user can't look into
        log.warning("the settings file can't be read, and is ignored")
        return False


def _read_json(path: Path) -> Mapping[str, object]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        log.warning("the settings file can't be read, and is ignored")
        return {}
    return plain if isinstance(plain, dict) else {}


def _read_ini(path: Path) -> Mapping[str, object]:
    """The values of the INI file that earlier versions wrote."""
    if not _exists(path):
        return {}
    # Here, so that the command line, which asks whether it logs, needs no Qt.
    from PySide6.QtCore import QSettings

    file = QSettings(str(path), QSettings.Format.IniFormat)
    return {key: file.value(key) for key in file.allKeys()}
