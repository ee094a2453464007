"""The Tools menu: what the left button draws."""

from __future__ import annotations

from functools import partial

from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.marks.tool import Tool, ToolName
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.window.commands.command import Command

_TOOLS: dict[ToolName, tuple[str, str, str]] = {
    "crosshair": ("Crosshair", "V", "Crosshair: move it, and take marks"),
    "distance": ("Distance", "D", "Distance in mm: drag, or click twice"),
    "angle": ("Angle", "A", "Angle: end, vertex, end"),
    "rectangle": ("Rectangle", "R", "Rectangle: mean, spread and area"),
    "ellipse": ("Ellipse", "E", "Ellipse: mean, spread and area"),
    "point": ("Point", "X", "Point: its value and position"),
    "arrow": ("Arrow with text", "T", "Arrow with text: tip, then tail"),
    "brush": ("Brush a mask", "J", "Brush: drag to draw a mask"),
    "eraser": ("Erase from a mask", "Shift+J", "Eraser: drag to take away from a mask"),
    "fill": ("Fill a mask", "Y", "Fill: a click fills what hangs together, in 3D"),
}


def tool_commands(
    store: Store, tool: Tool, annotations: Annotations, crosshair: Crosshair
) -> list[Command]:
    """Commands of the Tools menu."""

    def has_case() -> bool:
        return store.case is not None

    def is_chosen(name: ToolName) -> bool:
        return tool.name == name

    return [
        *[
            Command(
                f"tool_{name}",
                "&Tools",
                title,
                partial(tool.choose, name),
                key,
                has_case,
                checked=partial(is_chosen, name),
                begins_group=name in ("distance", "brush"),
                tip=tip,
            )
            for name, (title, key, tip) in _TOOLS.items()
        ],
        Command(
            "point_here",
            "&Tools",
            "Point at the crosshair",
            lambda: annotations.add_point(crosshair.position_lps),
            "Shift+X",
            has_case,
            begins_group=True,
        ),
        Command(
            "show_marks",
            "&Tools",
            "Show marks",
            annotations.toggle_visible,
            "Shift+M",
            has_case,
            checked=lambda: annotations.visible,
        ),
    ]
