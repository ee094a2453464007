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
    """The value at which the surface lies: ``"surface at 200 HU"``, or from which half is opaque; ``"MIP"`` where none counts."""
    if not look.takes_level:
        return "MIP"
    level = look.level_under(window)
    if not look.is_translucent:
        return f"surface at {level:.4g} {look.unit}".rstrip()
    digits = f"{level:.0f}" if abs(level) >= 100 else f"{level:.3g}"
    return f"half opaque from {digits} {look.unit}".rstrip()


def cut_text(look: VolumeLook) -> str:
    """What is cut away: ``"cut 45 mm from the front"``; empty where nothing is."""
    if look.cut is None:
        return ""
    return f"cut {look.depth_mm:.0f} mm from the {SIDE_NAMES[look.cut]}"
