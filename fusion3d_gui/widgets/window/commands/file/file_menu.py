"""The File menu: open, recent cases, demo cases, identity, DICOM tags, export."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import QWidget

from fusion3d_gui.errors import shown_name
from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.case.tag_reading import dicom_files
from fusion3d_gui.state.data.case import name_of
from fusion3d_gui.state.kept.session_files import SessionFiles
from fusion3d_gui.state.kept.set_aside_work import SetAsideWork
from fusion3d_gui.state.kept.work_keeper import WorkKeeper
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.settings_values import RECENT
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs
from fusion3d_gui.widgets.window.dialogs.tag_browser import show_tags
from fusion3d_gui.widgets.window.layout.pages import Pages


def file_commands(
    store: Store,
    settings: Settings,
    annotations: Annotations,
    keeper: WorkKeeper,
    set_aside: SetAsideWork,
    sessions: SessionFiles,
    opener: Opener,
    open_paths: Callable[[tuple[Path, ...]], object],
    demos: Sequence[DemoCase],
    open_demo: Callable[[DemoCase], object],
    files: FileDialogs,
    pages: Pages,
    window: QWidget,
) -> list[Command]:
    """Commands of the File menu; dialogs open over ``window``."""
    return [
        Command("open_folder", "&File", "Open folder…", files.open_folder, "Ctrl+O"),
        Command("open_file", "&File", "Open files…", files.open_file, "Ctrl+Shift+O"),
        Command(
            "open_session",
            "&File",
            "Open session…",
            files.open_session,
            tip="A case as it was left: scan, form, predictions, marks, views",
            synonyms=("load", "case", "session"),
        ),
        *_recent(store, settings, open_paths),
        *[
            Command(
                f"demo_{demo.name}",
                "&File",
                demo.title,
                partial(open_demo, demo),
                begins_group=demo is demos[0],
            )
            for demo in demos
        ],
        Command(
            "whole_series",
            "&File",
            "Open the whole series",
            opener.open_whole_series,
            enabled=lambda: opener.can_open_whole_series,
            begins_group=True,
            tip="Open every file of this series that lies in the same folder",
        ),
        Command(
            "save_session",
            "&File",
            "Save session",
            files.save_session,
            "Ctrl+Alt+S",
            lambda: sessions.can_save,
            begins_group=True,
            tip="Save the case as it is: form, predictions, heatmaps, marks, notes, views",
            synonyms=("case", "session", "archive"),
        ),
        Command(
            "save_session_as",
            "&File",
            "Save session as…",
            files.save_session_as,
            enabled=lambda: sessions.can_save,
        ),
        Command(
            "save_session_scan",
            "&File",
            "Save session with its scan…",
            files.save_session_with_scan,
            enabled=lambda: sessions.can_save and not store.identity.hidden,
            tip="One file that opens anywhere; the scan's files go into it as they are",
        ),
        Command(
            "start",
            "&File",
            "Start screen",
            pages.toggle_start,
            "Ctrl+Home",
            lambda: store.case is not None,
            begins_group=True,
            checked=lambda: pages.shows_start,
        ),
        Command(
            "anonymous",
            "&File",
            "Hide who the patient is",
            store.identity.toggle,
            "Ctrl+Shift+H",
            checked=lambda: store.identity.hidden,
            tip="Hide names, numbers, dates and file names, for this session",
            synonyms=("anonymize", "anonymise", "anonymous", "de-identify", "identity"),
        ),
        Command(
            "tags",
            "&File",
            "DICOM tags…",
            partial(show_tags, store, window),
            "Ctrl+T",
            lambda: bool(dicom_files(store)),
        ),
        Command(
            "export_marks",
            "&File",
            "Export measurements…",
            files.export_measurements,
            "Ctrl+E",
            lambda: bool(annotations.items),
        ),
        Command(
            "bring_back_work",
            "&File",
            "Bring back work set aside",
            set_aside.bring_back,
            enabled=lambda: set_aside.can_bring_back,
            tip="Show the work on this case that a session took the place of; what is shown now is set aside in turn",
            synonyms=("session", "restore", "before", "undo"),
        ),
        Command(
            "forget_work",
            "&File",
            "Forget what was kept of this case",
            keeper.forget,
            enabled=lambda: keeper.can_forget,
            tip="Delete the marks, window level, form and map settings that were kept on this computer",
        ),
    ]


def _recent(
    store: Store, settings: Settings, open_paths: Callable[[tuple[Path, ...]], object]
) -> list[Command]:
    def case(number: int) -> tuple[Path, ...] | None:
        """A recent case, 0 the newest; None where there are fewer."""
        recent = settings.values.recent_cases
        return recent[number] if number < len(recent) else None

    def open_recent(number: int) -> None:
        chosen = case(number)
        if chosen is not None:
            open_paths(chosen)

    def title(number: int) -> str:
        # A path often names the patient.
        shown = None if store.identity.hidden else case(number)
        return f"Recent {number + 1}" if shown is None else _short_name(shown)

    def exists(number: int) -> bool:
        return case(number) is not None

    def visible(number: int) -> bool:
        return exists(number) and not store.identity.hidden

    return [
        *[
            Command(
                f"recent_{number}",
                "&File/Open recent",
                f"Recent {number + 1}",
                partial(open_recent, number),
                enabled=partial(exists, number),
                visible=partial(visible, number),
                title_now=partial(title, number),
            )
            for number in range(RECENT)
        ],
        Command(
            "remember",
            "&File/Open recent",
            "Remember recent cases",
            settings.toggle_remembering_cases,
            checked=lambda: settings.values.remembers_cases,
            begins_group=True,
        ),
        Command(
            "forget",
            "&File/Open recent",
            "Forget recent cases",
            settings.forget_cases,
            enabled=lambda: bool(settings.values.recent_cases),
        ),
    ]


def _short_name(paths: tuple[Path, ...]) -> str:
    """The names of the last folder and of what was opened in it: enough to tell cases apart."""
    folder = paths[0].parent
    if len(folder.parts) <= 1:
        return name_of(paths)
    return f"{shown_name(folder)}{os.sep}{name_of(paths)}"
