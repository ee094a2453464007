"""``Palette``: the window's colours by role, in a dark and a light palette."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Hexadecimal RGB by role.

    Text roles (``text`` to ``error``) reach a contrast of 4.5 to 1 on every background, and ``edge``
    3 to 1 on those of inputs (WCAG 2.2, 1.4.3 and 1.4.11). All values differ, so that a role can be
    found by its colour.
    """

    # Backgrounds, from the furthest back to the nearest.
    window: str
    panel: str
    raised: str
    hover: str
    #: Between parts; and around inputs.
    line: str
    edge: str
    text: str
    muted: str
    faint: str
    accent: str
    warning: str
    error: str
    disabled: str
    on_accent: str
    accent_hover: str
    accent_pressed: str


# Dark, so that nothing beside the images is brighter than they are.
DARK = Palette(
    window="#111316",
    panel="#171a1e",
    raised="#20242a",
    hover="#292e36",
    line="#2a2f36",
    edge="#6b7683",
    text="#e6e9ed",
    muted="#9aa4af",
    faint="#8d97a2",
    accent="#56b6d8",
    warning="#e3ae5a",
    error="#ee8079",
    disabled="#5a636d",
    on_accent="#06222d",
    accent_hover="#6cc4e2",
    accent_pressed="#479fbe",
)

LIGHT = Palette(
    window="#eef1f4",
    panel="#f7f8fa",
    raised="#ffffff",
    hover="#e3e8ed",
    line="#d3d9df",
    edge="#7c8894",
    text="#14181d",
    muted="#46515d",
    faint="#5a6672",
    accent="#0b6a8f",
    warning="#7d4d00",
    error="#b3261e",
    disabled="#98a2ac",
    on_accent="#fffffe",
    accent_hover="#0d7aa5",
    accent_pressed="#085572",
)

PALETTES = {"dark": DARK, "light": LIGHT}
