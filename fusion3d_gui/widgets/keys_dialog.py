"""``KeysDialog``: how mouse and keys work."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from fusion3d_gui.widgets import theme

_MOUSE = (
    ("Wheel, ↑ ↓", "Next slice"),
    ("Page Up, Page Down", "Ten slices on"),
    ("Left drag", "Move the crosshair"),
    ("Right drag", "Window: right is wider, down is brighter"),
    ("Ctrl + wheel, + −", "Zoom, about the pointer"),
    ("Middle or Shift + drag", "Pan"),
    ("Double click", "One view alone, or all again"),
)


class KeysDialog(QDialog):
    """Two columns: the mouse in a view, and the keys of the menus."""

    def __init__(self, keys: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Mouse and keys")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(28, 24, 28, 28)
        layout.setSpacing(48)
        layout.addLayout(_column("In a view", _MOUSE))
        layout.addLayout(_column("Everywhere", (*keys, ("1 to 9", "Window presets"))))


def _column(title: str, rows: Sequence[tuple[str, str]]) -> QVBoxLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(20)
    grid.setVerticalSpacing(8)
    for number, (keys, meaning) in enumerate(rows):
        grid.addWidget(theme.label(keys, color=theme.ACCENT), number, 0)
        grid.addWidget(theme.label(meaning), number, 1)
    column = QVBoxLayout()
    column.setSpacing(14)
    column.addWidget(theme.section_title(title))
    column.addLayout(grid)
    column.addStretch(1)
    return column
