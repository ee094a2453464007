"""What the window looks like when it opens, as it was left the last time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray

from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.widgets.look.color_map import ANATOMY_MAPS, HEATMAPS
from fusion3d_gui.widgets.views.views_panel import Layout

if TYPE_CHECKING:
    from fusion3d_gui.widgets.window.main_window import MainWindow


def restore(window: MainWindow) -> None:
    """Size and place, layout, anatomy and heatmap as they were left; panels follow the settings anyway."""
    settings, overlay = window.settings, window.session.display.overlay
    window.restoreGeometry(QByteArray(settings.window_geometry))
    _fit_on_screen(window)
    for layout in Layout:
        if layout.name == settings.layout:
            window.views.set_layout(layout)
    opacity, threshold, colors = settings.overlay
    if opacity >= 0:
        overlay.set_opacity(opacity)
    if threshold >= 0:
        overlay.set_threshold(threshold)
    if colors in HEATMAPS:
        overlay.set_color_map(colors)
    interpolation, projection, contours = settings.drawing
    display = window.session.display
    if interpolation in Interpolation.__members__:
        display.smoothing.set_interpolation(Interpolation[interpolation])
    if projection in Projection.__members__:
        display.slab.set_projection(Projection[projection])
    if contours != overlay.contours:
        overlay.toggle_contours()
    colors, surface, names_patient = settings.anatomy
    if colors in ANATOMY_MAPS:
        display.window_level.set_color_map(colors)
    if surface != window.views.volume.shows_surface:
        window.views.volume.toggle_surface()
    display.corner_text.set_names_patient(names_patient)


def _fit_on_screen(window: MainWindow) -> None:
    room, least = window.screen().availableSize(), window.minimumSize()
    if least.boundedTo(room) == least:
        window.resize(window.size().boundedTo(room))


def keep(window: MainWindow) -> None:
    """Remember all that; of a conference not its full screen."""
    settings, overlay = window.settings, window.session.display.overlay
    if not window.presentation.on:
        settings.set_window_geometry(window.saveGeometry())
    settings.set_overlay(overlay.opacity, overlay.threshold, overlay.color_map)
    settings.set_layout(window.views.layout_name.name)
    display = window.session.display
    settings.set_drawing(
        display.smoothing.interpolation.name, display.slab.slab.projection.name, overlay.contours
    )
    settings.set_anatomy(
        display.window_level.color_map,
        window.views.volume.shows_surface,
        display.corner_text.names_patient,
    )
