"""The View menu's commands about territories: choose the atlas that names them, or none."""

from __future__ import annotations

from dataclasses import replace

from fusion3d_gui.state.case.territories import Territories
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs


def territory_commands(
    territories: Territories, settings: Settings, files: FileDialogs
) -> list[Command]:
    """Commands to name territories in the status line."""

    def choose() -> None:
        path = files.atlas_path()
        if path is not None:
            territories.load(path)

    def forget() -> None:
        settings.change(replace(settings.values, atlas=None))
        territories.forget()

    return [
        Command(
            "name_territories",
            "&View",
            "Name territories by an atlas…",
            choose,
            begins_group=True,
            tip="A NIfTI atlas in standard space with a list of its labels beside it; named in the status line "
            "where a lesion map in standard space is open",
        ),
        Command(
            "forget_territories",
            "&View",
            "Name no territories",
            forget,
            enabled=lambda: territories.is_loaded,
        ),
    ]
