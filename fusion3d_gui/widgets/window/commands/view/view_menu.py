"""The View menu: layouts, planes, slabs, interpolation, cine; panels, theme, text size, presentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from PySide6.QtWidgets import QWidget

from fusion3d_gui.imaging.plane import ORIENTATIONS
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.state.display.cine import Cine
from fusion3d_gui.state.display.display import Display, middle_voxel_lps
from fusion3d_gui.state.display.slab_settings import SlabSettings
from fusion3d_gui.state.display.smoothing import Smoothing
from fusion3d_gui.state.prediction.presentation import Presentation
from fusion3d_gui.state.settings import Panel, Settings
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.views.views_panel import ViewsPanel
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.commands.view.volume_menu import volume_commands
from fusion3d_gui.widgets.window.dialogs.thickness_dialog import ask_for_thickness

_ZOOM = 1.25


def view_commands(
    store: Store,
    display: Display,
    settings: Settings,
    presentation: Presentation,
    views: ViewsPanel,
    has_series_choice: Callable[[], bool],
) -> list[Command]:
    """Commands of the View menu; ``has_series_choice``: whether there are several series to list."""

    def has_case() -> bool:
        return store.case is not None

    def center() -> None:
        if store.case is not None:
            display.crosshair.move_to(middle_voxel_lps(store.case))

    return [
        *_layouts(views, has_case),
        *volume_commands(display.volume_look, display.window_level, views.volume, has_case),
        *_planes(views, has_case),
        *_slabs(display.slab, views, has_case),
        *_smoothing(display.smoothing, has_case),
        *_cine(display.cine, views, has_case),
        Command("center", "&View", "Crosshair to centre", center, "C", has_case, begins_group=True),
        Command(
            "reset_display",
            "&View",
            "Reset display settings",
            display.reset,
            "Ctrl+R",
            has_case,
            tip="Window level, colours, slab, interpolation and heatmap as they are by default",
        ),
        *_panels(settings, has_case, has_series_choice),
        _light(settings),
        *_presentation(presentation, has_case),
        *_text_size(settings),
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
        Command(
            "fit",
            "&View",
            "Fit to window",
            views.fit,
            "F",
            has_case,
            synonyms=("reset zoom", "zoom"),
        ),
        *[
            Command(
                f"zoom_{way}",
                "&View",
                f"Zoom {way}",
                partial(views.zoom, factor),
                enabled=has_case,
                tip=f"Enlarge or reduce the image ({key}, or Ctrl and the wheel)",
                synonyms=synonyms,
            )
            for way, factor, key, synonyms in (
                ("in", _ZOOM, "+", ("magnify", "enlarge")),
                ("out", 1 / _ZOOM, "-", ("reduce",)),
            )
        ],
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


def _slabs(slab: SlabSettings, views: ViewsPanel, has_case: Callable[[], bool]) -> list[Command]:

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


def _smoothing(smoothing: Smoothing, has_case: Callable[[], bool]) -> list[Command]:

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


def _cine(cine: Cine, views: ViewsPanel, has_case: Callable[[], bool]) -> list[Command]:
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


def _panels(
    settings: Settings, has_case: Callable[[], bool], has_series_choice: Callable[[], bool]
) -> list[Command]:
    def panel(
        name: Panel, title: str, key: str, enabled: Callable[[], bool] | None = None
    ) -> Command:
        return Command(
            name,
            "&View",
            title,
            partial(settings.toggle_panel, name),
            key,
            enabled,
            begins_group=name == "marks",
            checked=partial(settings.panel_shown, name),
        )

    return [
        panel("marks", "Measurements", "M", has_case),
        panel("series", "Series", "S", has_series_choice),
        panel("side", "Model and heatmap", "B", has_case),
    ]


def _light(settings: Settings) -> Command:
    def is_light() -> bool:
        return settings.values.theme == "light"

    def toggle() -> None:
        settings.change(replace(settings.values, theme="dark" if is_light() else "light"))

    return Command(
        "light",
        "&View",
        "Light theme",
        toggle,
        "Ctrl+Shift+L",
        checked=is_light,
        begins_group=True,
    )


def _presentation(presentation: Presentation, has_case: Callable[[], bool]) -> list[Command]:
    return [
        Command(
            "presentation",
            "&View",
            "Presentation",
            presentation.toggle,
            "F11",
            has_case,
            checked=lambda: presentation.on,
            begins_group=True,
            tip="The images alone, patient hidden, with a tour of the hot spots",
        ),
        Command(
            "tour",
            "&View",
            "Tour of the hot spots",
            presentation.toggle_tour,
            "F12",
            lambda: presentation.can_tour,
            checked=lambda: presentation.touring,
        ),
    ]


def _text_size(settings: Settings) -> list[Command]:
    def step(steps: int) -> None:
        """Larger (1) or smaller (-1) by one step of the scales, or the usual size (0)."""
        scales, values = theme.SCALES, settings.values
        now = min(range(len(scales)), key=lambda n: abs(scales[n] - values.text_scale))
        index = min(max(now + steps, 0), len(scales) - 1) if steps else scales.index(1.0)
        settings.change(replace(values, text_scale=scales[index]))

    return [
        Command("larger", "&View", "Larger text", partial(step, 1), "Ctrl+=", begins_group=True),
        Command("smaller", "&View", "Smaller text", partial(step, -1), "Ctrl+-"),
        Command("usual", "&View", "Usual text size", partial(step, 0), "Ctrl+0"),
    ]
