"""The Masks menu's way from a lesion of a scan to a model of lesion maps in standard space."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.export.standard_lesion import register_lesion, write_lesion_map
from fusion3d_gui.state.masks.mask_list import MaskList
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs
from fusion3d_gui.widgets.window.dialogs.standard_lesion_dialog import StandardLesionDialog

if TYPE_CHECKING:
    from fusion3d_gui.state.export.standard_lesion import LesionCheck


def standard_space_commands(
    store: Store,
    masks: MaskList,
    files: FileDialogs,
    open_path: Callable[[Path], object],
    window: QWidget,
) -> list[Command]:
    """The command that registers the selected mask's scan to the template and saves the lesion map."""

    def offer(check: LesionCheck) -> None:
        case = store.case
        dialog = StandardLesionDialog(check, window)

        def save() -> None:
            path = files.lesion_map_target()
            if path is not None and store.case is case:
                write_lesion_map(store, check.lesion, path, open_path)

        dialog.accepted.connect(save)
        dialog.open()

    def bring() -> None:
        chosen = masks.selected
        if chosen is not None:
            register_lesion(store, chosen, offer)

    return [
        Command(
            "mask_standard_space",
            "M&asks",
            "Lesion in standard space…",
            bring,
            enabled=lambda: (
                masks.selected is not None and store.case is not None and store.case.is_complete
            ),
            begins_group=True,
            tip="Register the scan to the MNI152 template without the selected mask, and save the mask there, "
            "for a model of lesion maps",
            synonyms=("template", "MNI", "register", "stroke"),
        )
    ]
