"""Restore how the main window was left the last time, and keep how it is left now."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QByteArray
from PySide6.QtWidgets import QMainWindow

from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.look.color_map import ANATOMY_MAPS, HEATMAPS
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.views.views_panel import ViewsPanel
from fusion3d_gui.widgets.window.layout.borders import Borders


def restore(
    window: QMainWindow,
    settings: Settings,
    display: Display,
    views: ViewsPanel,
    borders: Borders,
) -> None:
    """Size, position, layout, anatomy and heatmap as they were left; panels follow the settings anyway."""
    values, overlay = settings.values, display.overlay
    window.restoreGeometry(QByteArray(values.window_geometry))
    _fit_on_screen(window)
    borders.series.choose_size(values.series_width)
    borders.marks.choose_size(values.marks_height)
    borders.side.choose_size(values.side_width)
    views.panes.restore(values.panes)
    for layout in Layout:
        if layout.name == values.layout:
            views.set_layout(layout)
    if values.opacity is not None:
        overlay.set_opacity(values.opacity)
    if values.threshold is not None:
        overlay.set_threshold(values.threshold)
    if values.heatmap_colors in HEATMAPS:
        overlay.set_color_map(values.heatmap_colors)
    if values.contours != overlay.contours:
        overlay.toggle_contours()
    if values.interpolation in Interpolation.__members__:
        display.smoothing.set_interpolation(Interpolation[values.interpolation])
    if values.projection in Projection.__members__:
        display.slab.set_projection(Projection[values.projection])
    if values.anatomy_colors in ANATOMY_MAPS:
        display.window_level.set_color_map(values.anatomy_colors)
    if values.surface != display.volume_look.is_surface:
        display.volume_look.toggle_surface()


def _fit_on_screen(window: QMainWindow) -> None:
    available, least = window.screen().availableSize(), window.minimumSize()
    if least.boundedTo(available) == least:
        window.resize(window.size().boundedTo(available))


def keep(
    window: QMainWindow,
    settings: Settings,
    display: Display,
    views: ViewsPanel,
    borders: Borders,
    *,
    presenting: bool,
) -> None:
    """Keep all that; while presenting not the geometry, which is full screen."""
    overlay = display.overlay
    values = replace(
        settings.values,
        series_width=borders.series.chosen_size,
        marks_height=borders.marks.chosen_size,
        side_width=borders.side.chosen_size,
        panes=views.panes.text,
        layout=views.layout_name.name,
        opacity=overlay.opacity,
        threshold=overlay.threshold,
        heatmap_colors=overlay.color_map,
        contours=overlay.contours,
        interpolation=display.smoothing.interpolation.name,
        projection=display.slab.slab.projection.name,
        anatomy_colors=display.window_level.color_map,
        surface=display.volume_look.is_surface,
    )
    if not presenting:
        values = replace(values, window_geometry=bytes(window.saveGeometry().data()))
    settings.change(values)
