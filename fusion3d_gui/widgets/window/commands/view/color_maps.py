"""Commands to choose a colour map, of the anatomy or of the heatmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.widgets.window.commands.command import Command


def color_map_commands(
    prefix: str,
    menu: str,
    names: Sequence[str],
    target: WindowLevel | OverlaySettings,
    enabled: Callable[[], bool],
) -> list[Command]:
    """One command for each colour map, the current one with a tick; ids begin with ``prefix``."""

    def is_chosen(name: str) -> bool:
        return target.color_map == name

    return [
        Command(
            f"{prefix}_{name.lower().replace(' ', '_')}",
            menu,
            name,
            partial(target.set_color_map, name),
            enabled=enabled,
            checked=partial(is_chosen, name),
        )
        for name in names
    ]
