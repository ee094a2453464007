"""How a surface's level and a cut are said in the 3D view."""

from __future__ import annotations

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.state.display.volume_look import VolumeLook

SIDE_NAMES = {
    Side.FRONT: "front",
    Side.BACK: "back",
    Side.LEFT: "left",
    Side.RIGHT: "right",
    Side.TOP: "top",
    Side.BOTTOM: "bottom",
}


def level_text(look: VolumeLook, window: Window) -> str:
    """The value at which the surface lies: ``"surface at 200 HU"``; ``"MIP"`` where none counts."""
    if not look.takes_level:
        return "MIP"
    kind = "translucent from" if look.is_translucent else "surface at"
    return f"{kind} {look.level_under(window):.4g} {look.unit}".rstrip()


def cut_text(look: VolumeLook) -> str:
    """What is cut away: ``"cut 45 mm from the front"``; empty where nothing is."""
    if look.cut is None:
        return ""
    return f"cut {look.depth_mm:.0f} mm from the {SIDE_NAMES[look.cut]}"
