"""``Tool``: what the left button does in the views."""

from __future__ import annotations

from typing import Literal, get_args

from PySide6.QtCore import QObject, Signal

ToolName = Literal["crosshair", "distance", "angle", "rectangle", "ellipse", "point", "arrow"]
TOOLS: tuple[ToolName, ...] = get_args(ToolName)


class Tool(QObject):
    """The crosshair, or a kind of mark to draw; stays until another is chosen."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name: ToolName = "crosshair"

    @property
    def name(self) -> ToolName:
        """The current tool."""
        return self._name

    def choose(self, name: ToolName) -> None:
        """Use this tool."""
        if name != self._name:
            self._name = name
            self.changed.emit()
