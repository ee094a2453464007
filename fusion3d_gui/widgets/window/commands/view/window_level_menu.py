"""The Window menu: window level, presets by number keys, colours of the anatomy."""

from __future__ import annotations

from functools import partial

from fusion3d_gui.state.case.case_switcher import CaseSwitcher
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look.color_map import ANATOMY_MAPS
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.commands.view.color_maps import color_map_commands

#: Presets that have a number key: 1 to 9, then 0.
PRESET_KEYS = 10


def window_level_commands(
    store: Store, level: WindowLevel, switcher: CaseSwitcher
) -> list[Command]:
    """Commands of the Window menu."""

    def has_case() -> bool:
        return store.case is not None

    def may_be_ct() -> bool:
        return store.case is not None and store.case.is_complete and store.case.may_be_ct

    def is_stated() -> bool:
        return store.case is not None and store.case.is_stated_ct

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
        *color_map_commands("colors", "&Window/Colours", ANATOMY_MAPS, level, has_case),
        *_presets(store, level),
        Command(
            "state_ct",
            "&Window",
            "This is CT in Hounsfield units",
            switcher.toggle_ct,
            enabled=may_be_ct,
            checked=is_stated,
            begins_group=True,
            tip="For a file that names no modality, as NIfTI: unit, window levels, 3D and fit of the model follow",
            synonyms=("Hounsfield", "HU", "modality", "window levels of CT"),
        ),
    ]


def _presets(store: Store, level: WindowLevel) -> list[Command]:
    def has_preset(number: int) -> bool:
        return len(level.presets) >= number

    def names() -> list[str]:
        return [] if store.case is None else [preset.title for preset in level.presets]

    def title(number: int) -> str:
        return names()[number - 1] if number <= len(names()) else f"Preset {number}"

    def visible(number: int) -> bool:
        return number <= max(1, len(names()))

    return [
        Command(
            f"preset_{number}",
            "&Window",
            f"Preset {number}",
            partial(level.apply_preset, number - 1),
            str(number % 10),
            partial(has_preset, number),
            listed=False,
            visible=partial(visible, number),
            title_now=partial(title, number),
        )
        for number in range(1, PRESET_KEYS + 1)
    ]
