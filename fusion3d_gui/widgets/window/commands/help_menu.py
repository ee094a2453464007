"""The Help menu: command palette, list of keys, what the program is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.widgets.window.commands.command import Command


def help_commands(
    show_palette: Callable[[], object], show_keys: Callable[[], object], window: QWidget
) -> list[Command]:
    """Commands of the Help menu; the dialog opens over ``window``."""
    return [
        Command(
            "palette",
            "&Help",
            "Find a command…",
            show_palette,
            "Ctrl+K",
            also="Ctrl+Shift+P",
        ),
        Command("keys", "&Help", "Mouse and keys", show_keys, "?", also="F1"),
        Command("about", "&Help", "About Fusion3D", partial(show_about, window), begins_group=True),
    ]


def show_about(parent: QWidget) -> None:
    """Say what the program is, and is not."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About Fusion3D")
    box.setTextFormat(Qt.TextFormat.RichText)  # all of it is ours
    box.setText(
        f"<b>Fusion3D {__version__}</b><p>A model's prediction on a 3D scan, image and metadata "
        f"fused, with its explanation.</p><p>{RESEARCH_USE_ONLY}: not a medical device.</p>",
    )
    box.open()
