"""The submenu View ▸ 3D: presets, surface, level, cuts, spin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.state.display.volume_look import VolumeLook
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.widgets.volume.look_text import SIDE_NAMES
from fusion3d_gui.widgets.volume.volume_view import VolumeView
from fusion3d_gui.widgets.window.commands.command import Command

_MENU = "&View/3D"
#: No volume offers more presets.
MOST_PRESETS = 10
#: A key moves the level by this share of the range, and a cut by so many mm.
_LEVEL_SHARE, _CUT_MM = 0.02, 5.0


def volume_commands(
    look: VolumeLook, level: WindowLevel, view: VolumeView, has_case: Callable[[], bool]
) -> list[Command]:
    """Commands for the 3D view, enabled while it is on screen."""

    def is_shown() -> bool:
        return has_case() and view.isVisible()

    def title(number: int) -> str:
        presets = look.presets
        return presets[number].title if number < len(presets) else f"Preset {number + 1}"

    def apply(number: int) -> None:
        if number < len(look.presets):
            look.apply(look.presets[number])

    def is_applied(number: int) -> bool:
        return number < len(look.presets) and look.preset == look.presets[number]

    return [
        *[
            Command(
                f"volume_preset_{number + 1}",
                _MENU,
                f"Preset {number + 1}",
                partial(apply, number),
                enabled=is_shown,
                checked=partial(is_applied, number),
                visible=partial(_has_preset, look, number),
                title_now=partial(title, number),
            )
            for number in range(MOST_PRESETS)
        ],
        Command(
            "surface",
            _MENU,
            "Surface in 3D",
            look.toggle_surface,
            "Shift+S",
            is_shown,
            checked=lambda: look.is_surface,
            begins_group=True,
            synonyms=("maximum intensity projection", "MIP"),
        ),
        *[
            Command(
                f"level_{way}",
                _MENU,
                f"{way.capitalize()} the level of the surface",
                lambda by=share: look.move_level(by, level.window),  # type: ignore[misc]
                enabled=lambda: is_shown() and look.takes_level,
                synonyms=("threshold", "opacity"),
            )
            for way, share in (("raise", _LEVEL_SHARE), ("lower", -_LEVEL_SHARE))
        ],
        *[
            Command(
                f"cut_{name}",
                _MENU,
                f"Cut from the {name}",
                partial(look.cut_from, side),
                enabled=is_shown,
                checked=partial(_is_cut_from, look, side),
                begins_group=side is Side.FRONT,
                synonyms=("clip plane",),
            )
            for side, name in SIDE_NAMES.items()
        ],
        Command(
            "cut_nothing",
            _MENU,
            "Cut nothing away",
            partial(look.cut_from, None),
            enabled=lambda: is_shown() and look.cut is not None,
            synonyms=("clip plane",),
        ),
        *[
            Command(
                f"cut_{way.split()[0]}",
                _MENU,
                f"Cut {way}",
                partial(look.move_cut, mm),
                enabled=lambda: is_shown() and look.cut is not None,
            )
            for way, mm in (("deeper", _CUT_MM), ("less deep", -_CUT_MM))
        ],
        Command(
            "spin",
            _MENU,
            "Spin the 3D view",
            view.toggle_spin,
            "Shift+K",
            is_shown,
            checked=lambda: view.spinning,
            begins_group=True,
        ),
    ]


def _has_preset(look: VolumeLook, number: int) -> bool:
    return number < len(look.presets)


def _is_cut_from(look: VolumeLook, side: Side) -> bool:
    return look.cut is side
