"""Commands about what the views show: layouts, planes, slabs, interpolation, cine, window, heatmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtWidgets import QWidget

from fusion3d_gui.imaging.plane import ORIENTATIONS
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.color_map import ANATOMY_MAPS, HEATMAPS
from fusion3d_gui.widgets.views.views_panel import Layout, ViewsPanel
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.thickness_dialog import ask_for_thickness


def view_commands(session: Session, views: ViewsPanel) -> list[Command]:
    """For the menus &View, &Window and &Heatmap, in their order."""

    def has_case() -> bool:
        return session.store.case is not None

    def has_heatmap() -> bool:
        return session.predictions.current is not None

    return [
        *_layouts(views, has_case),
        *_planes(views, has_case),
        *_slabs(session, views, has_case),
        *_smoothing(session, has_case),
        *_cine(session, views, has_case),
        *_window(session, has_case),
        *_heatmap(session, has_heatmap),
    ]


def _layouts(views: ViewsPanel, has_case: Callable[[], bool]) -> list[Command]:
    def is_chosen(layout: Layout) -> bool:
        return views.layout_name is layout

    named: dict[str, QWidget] = {
        "axial": views.axial,
        "coronal": views.coronal,
        "sagittal": views.sagittal,
        "3D": views.volume,
    }
    return [
        Command("fit", "&View", "Fit to window", views.fit, "F", has_case),
        Command(
            "actual_size",
            "&View",
            "Actual size (1:1)",
            lambda: views.active.actual_size(),
            "Shift+F",
            has_case,
        ),
        *[
            Command(
                f"layout_{layout.name.lower()}",
                "&View/Layout",
                layout.value,
                partial(views.set_layout, layout),
                f"F{number}",
                has_case,
                checked=partial(is_chosen, layout),
            )
            for number, layout in enumerate(Layout, start=7)
        ],
        Command(
            "surface",
            "&View",
            "Surface in 3D",
            views.volume.toggle_surface,
            "Shift+S",
            lambda: has_case() and views.volume.isVisible(),
            checked=lambda: views.volume.shows_surface,
        ),
        Command(
            "spin",
            "&View",
            "Spin the 3D view",
            views.volume.toggle_spin,
            "Shift+K",
            lambda: has_case() and views.volume.isVisible(),
            checked=lambda: views.volume.spinning,
        ),
        *[
            Command(
                f"alone_{name.lower()}",
                "&View/Layout",
                f"{name[0].upper()}{name[1:]} alone",
                partial(views.toggle_maximised, view),
                f"F{number}" if number < 7 else "",
                has_case,
                begins_group=number == 4,
            )
            for number, (name, view) in enumerate(named.items(), start=4)
        ],
    ]


def _planes(views: ViewsPanel, has_case: Callable[[], bool]) -> list[Command]:
    return [
        *[
            Command(
                f"show_{each.name.lower()}",
                "&View/Planes",
                f"Show {each.name.lower()} planes here",
                lambda plane=each: views.active.set_orientation(plane),  # type: ignore[misc]
                enabled=has_case,
            )
            for each in ORIENTATIONS
        ],
        Command(
            "flip",
            "&View/Planes",
            "Flip left and right",
            views.flip,
            "Ctrl+Shift+F",
            has_case,
            begins_group=True,
        ),
        Command("turn", "&View/Planes", "Turn by a quarter", views.turn, "Ctrl+Shift+R", has_case),
        Command(
            "straighten",
            "&View/Planes",
            "Straighten planes",
            views.straighten,
            "Z",
            has_case,
            begins_group=True,
            tip="Planes along the patient's axes again",
        ),
        Command(
            "follow_scan",
            "&View/Planes",
            "Planes along the scan",
            views.follow_scan,
            "Shift+Z",
            has_case,
            tip="Planes along the scan's own axes, where its slices are",
        ),
        Command(
            "turn_left",
            "&View/Planes",
            "Tilt the other planes left by 5°",
            lambda: views.active.turn_others(-0.0872665),
            "Shift+Left",
            has_case,
        ),
        Command(
            "turn_right",
            "&View/Planes",
            "Tilt the other planes right by 5°",
            lambda: views.active.turn_others(0.0872665),
            "Shift+Right",
            has_case,
        ),
    ]


def _slabs(session: Session, views: ViewsPanel, has_case: Callable[[], bool]) -> list[Command]:
    slab = session.display.slab

    def is_chosen(projection: Projection) -> bool:
        return slab.slab.projection is projection

    return [
        Command("thicker", "&View/Slab", "Thicker slab", slab.thicker, "]", has_case),
        Command("thinner", "&View/Slab", "Thinner slab", slab.thinner, "[", has_case),
        Command(
            "slab_mm",
            "&View/Slab",
            "Slab thickness…",
            partial(ask_for_thickness, slab, views),
            "Shift+Q",
            has_case,
        ),
        *[
            Command(
                f"slab_{projection.name.lower()}",
                "&View/Slab",
                projection.value,
                partial(slab.set_projection, projection),
                enabled=has_case,
                checked=partial(is_chosen, projection),
                begins_group=projection is Projection.MAXIMUM,
            )
            for projection in Projection
        ],
        Command("projection", "&View/Slab", "Next projection", slab.next_projection, "Q", has_case),
    ]


def _smoothing(session: Session, has_case: Callable[[], bool]) -> list[Command]:
    smoothing = session.display.smoothing

    def is_chosen(interpolation: Interpolation) -> bool:
        return smoothing.interpolation is interpolation

    return [
        *[
            Command(
                f"interpolation_{each.name.lower()}",
                "&View/Interpolation",
                each.value,
                partial(smoothing.set_interpolation, each),
                enabled=has_case,
                checked=partial(is_chosen, each),
            )
            for each in Interpolation
        ],
        Command(
            "interpolation",
            "&View/Interpolation",
            "Next interpolation",
            smoothing.next,
            "Shift+I",
            has_case,
            begins_group=True,
        ),
    ]


def _cine(session: Session, views: ViewsPanel, has_case: Callable[[], bool]) -> list[Command]:
    cine = session.display.cine
    return [
        Command(
            "cine",
            "&View/Cine",
            "Play slices",
            views.toggle_cine,
            "K",
            has_case,
            checked=lambda: cine.running,
        ),
        Command(
            "cine_faster", "&View/Cine", "Faster", partial(cine.change_speed, 1), ".", has_case
        ),
        Command(
            "cine_slower", "&View/Cine", "Slower", partial(cine.change_speed, -1), ",", has_case
        ),
    ]


def _colours(
    prefix: str,
    menu: str,
    names: Sequence[str],
    colours: WindowLevel | OverlaySettings,
    enabled: Callable[[], bool],
) -> list[Command]:
    """One command for each colour map, the current one with a tick."""

    def is_chosen(name: str) -> bool:
        return colours.color_map == name

    return [
        Command(
            f"{prefix}_{name.lower().replace(' ', '_')}",
            menu,
            name,
            partial(colours.set_color_map, name),
            enabled=enabled,
            checked=partial(is_chosen, name),
        )
        for name in names
    ]


def _window(session: Session, has_case: Callable[[], bool]) -> list[Command]:
    level, corner = session.display.window_level, session.display.corner_text
    return [
        Command("auto_window", "&Window", "Automatic window", level.apply_automatic, "W", has_case),
        Command(
            "invert",
            "&Window",
            "Invert",
            level.invert,
            "I",
            has_case,
            checked=lambda: level.inverted,
        ),
        *_colours("colors", "&Window/Colours", ANATOMY_MAPS, level, has_case),
        Command(
            "corner_text",
            "&View",
            "Patient on the images",
            lambda: corner.set_names_patient(not corner.names_patient),
            checked=lambda: corner.names_patient,
            begins_group=True,
        ),
    ]


def _heatmap(session: Session, has_heatmap: Callable[[], bool]) -> list[Command]:
    overlay = session.display.overlay

    return [
        Command(
            "heatmap",
            "&Heatmap",
            "Show heatmap",
            overlay.toggle,
            "H",
            has_heatmap,
            checked=lambda: overlay.visible,
        ),
        Command(
            "blink",
            "&Heatmap",
            "Blink",
            overlay.toggle_blinking,
            "Shift+H",
            has_heatmap,
            checked=lambda: overlay.blinking,
        ),
        Command(
            "contours",
            "&Heatmap",
            "Contours",
            overlay.toggle_contours,
            "O",
            has_heatmap,
            checked=lambda: overlay.contours,
        ),
        *_colours("heat", "&Heatmap/Colours", HEATMAPS, overlay, has_heatmap),
        Command(
            "next_spot",
            "&Heatmap",
            "Next hot spot",
            session.hot_spots.next,
            "N",
            has_heatmap,
            begins_group=True,
        ),
        Command(
            "previous_spot",
            "&Heatmap",
            "Previous hot spot",
            session.hot_spots.previous,
            "P",
            has_heatmap,
        ),
        Command(
            "peak", "&Heatmap", "Go to heatmap peak", session.hot_spots.go_to_peak, "G", has_heatmap
        ),
    ]
