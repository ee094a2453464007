"""How a scan is looked at, read off its ``Display`` to be kept, and put back: window level and view."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.state.kept.kept_work import KeptView


def default_window(level: WindowLevel) -> Window:
    """The window level that the program chose for the scan."""
    return level.presets[0].window if level.presets else level.window


def show_window(level: WindowLevel, kept: tuple[float, float]) -> None:
    """Use a window level kept without its curve: the preset with these values, else the default's curve."""
    for preset in level.presets:
        if (preset.window.center, preset.window.width) == kept:
            level.set_window(preset.window)
            return
    level.set_window(default_window(level).reshaped(*kept))


def show_colors(level: WindowLevel, view: KeptView) -> None:
    """Use a view's colours of the anatomy."""
    if level.inverted != view.inverted:
        level.invert()
    if view.anatomy_colors:
        level.set_color_map(view.anatomy_colors)


def view_of_display(display: Display) -> KeptView:
    """How a scan is looked at."""
    x, y, z = (float(each) for each in display.crosshair.position_lps)
    slab, level, look = display.slab.slab, display.window_level, display.volume_look
    return KeptView(
        (x, y, z),
        {name: tuple(each.ravel().tolist()) for name, each in display.planes.matrices.items()},
        display.planes.snap,
        display.arrangement.now,
        look.is_surface,
        look.level,
        "" if look.cut is None else look.cut.name,
        look.depth_mm if look.cut is not None else 0.0,
        level.inverted,
        level.color_map,
        slab.thickness_mm,
        slab.projection.name,
        display.smoothing.interpolation.name,
    )


def show_view(display: Display, view: KeptView) -> None:
    """Look at a scan this way."""
    look = display.volume_look
    display.planes.restore(view.matrices, snap=view.snaps)
    display.arrangement.request(view.arrangement)
    display.crosshair.move_to(np.array(view.crosshair))
    if look.is_surface != view.surface:
        look.toggle_surface()
    look.set_level(view.level)
    look.cut_from(Side[view.cut] if view.cut else None)
    if view.cut:
        look.set_depth(view.cut_mm)
    show_colors(display.window_level, view)
    display.slab.set_thickness(view.slab_mm)
    if view.projection:
        display.slab.set_projection(Projection[view.projection])
    if view.interpolation:
        display.smoothing.set_interpolation(Interpolation[view.interpolation])
