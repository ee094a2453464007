"""``Tool``: what the left button does in the views."""

from __future__ import annotations

from typing import Literal, get_args

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.annotations.annotation import KINDS, Kind

MaskTool = Literal["brush", "eraser", "fill"]
ToolName = Literal["crosshair"] | Kind | MaskTool
MASK_TOOLS: tuple[MaskTool, ...] = get_args(MaskTool)
TOOLS: tuple[ToolName, ...] = ("crosshair", *KINDS, *MASK_TOOLS)


class Tool(QObject):
    """The crosshair, a kind of mark to draw, or what draws a mask; stays until another is chosen."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name: ToolName = "crosshair"

    @property
    def name(self) -> ToolName:
        """The current tool."""
        return self._name

    @property
    def mark(self) -> Kind | None:
        """The kind of mark that is drawn; None: the tool draws no mark."""
        return next((each for each in KINDS if each == self._name), None)

    @property
    def mask(self) -> MaskTool | None:
        """What draws a mask; None: the tool draws none."""
        return next((each for each in MASK_TOOLS if each == self._name), None)

    def choose(self, name: ToolName) -> None:
        """Use this tool."""
        if name != self._name:
            self._name = name
            self.changed.emit()
